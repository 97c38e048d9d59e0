// Package quorum owns when several checkpoints together call it an outage. It
// is pure: votes and the time go in, a decision and its changes come out. Where
// the votes come from, and who is told, is decided by probes/outage.
//
// A vote is the latest run of a probe at one checkpoint that measured anything,
// and counts for two intervals of the probe. Unknown runs are no votes: they
// neither confirm nor clear anything. Too few votes are no decision.
package quorum
