// Package history owns the past: the runs, uptime by probe and month, and how
// the journal stays small. It keeps no state of its own: its figures are a
// projection of the journal in a file beside it, which is made anew when it is
// missing, damaged or of another version.
//
// A scheduled run that passed at once stays whole for a day. Then a segment
// stands for it, which says when it ran and how long it took (to 2 %), but no
// longer its steps, run id and trace. Every other run stays whole.
//
// Uptime is time-weighted: each run stands for the interval until the next. What
// is unknown, and time without any run, counts neither as good nor as bad, and
// both are shown; no data is never 100 %. Runs made by hand have no interval and
// do not count.
package history
