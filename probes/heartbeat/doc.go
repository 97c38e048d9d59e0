// Package heartbeat owns jobs that report by themselves: a batch that must run
// every hour says so when it has, and its silence is what goes wrong. Reports
// are events of the journal, and what is held in memory is read back from it.
// The schedule asks a heartbeat like any other probe.
//
// Silence is a failure of the job only if Tocsin listened all the while. An
// absence of its own that is shorter than the grace of a heartbeat is none: who
// reports must try again for a while, as tocsin heartbeat send does. After a
// longer one, nothing is known until a whole interval and its grace have passed.
package heartbeat
