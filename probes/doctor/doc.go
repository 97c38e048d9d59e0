// Package doctor owns the checks that tell whether Tocsin can work here: its
// files, the clock, and the way to the target. What is wrong on our side comes
// out unknown, what is wrong with the target fail, as everywhere. It mends
// nothing, and says for each finding what to do.
package doctor
