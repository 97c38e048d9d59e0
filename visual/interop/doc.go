// Package interop owns the meeting of the comparison with programs that were not
// written here: the counts of pixelmatch, the time of odiff, and the axe-core of
// npm.
package interop
