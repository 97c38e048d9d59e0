// Package buffer owns what a checkpoint has recorded and the central has not
// acknowledged yet. It is a row of logs, each a journal of its own: every start
// begins a new one, so that numbers are never given twice, even if the folder
// was put back from a copy. Results are recorded in the newest, the live log.
// The others are the backlog; a log of the backlog is deleted as soon as all of
// it is acknowledged.
//
// When the buffer is full, the oldest log of the backlog goes, and how many
// results went with it is counted for good.
package buffer
