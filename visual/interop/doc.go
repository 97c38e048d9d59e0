// Package interop owns the meeting of the comparison with programs that were not
// written here: the counts of pixelmatch, and the time of odiff.
package interop
