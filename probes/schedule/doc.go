// Package schedule owns when probes run: a phase fixed by name, latency
// counted from the intended start, and no start dropped in silence. One
// goroutine keeps the timetable of all probes; runs are bounded in number, per
// probe and in all, and never queue up. What to do with a result is the
// caller's, on another goroutine: a slow store never delays a probe.
//
// # Overlap never, backlog never
//
// A probe has one run under way at a time, unless its entry asks for more. So
// that this does not make the schedule look away while a target hangs, a run
// must end before its probe starts again: its context ends shortly before that
// with a cause that means the target took too long. Every interval then has its
// verdict. An entry whose runs may take longer than its interval, such as a
// login that is promised within 15 s and tried every 5 s, says how many of
// them may be under way, and each has that many intervals of time.
//
// A start that cannot take place within the grace is not made up for later. It
// is counted and recorded as unknown, since being late is our own fault: to run
// it late would show our delay as the target's.
package schedule
