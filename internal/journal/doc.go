// Package journal owns the append-only record of everything Tocsin did and
// saw: runs, faults, alerts, approvals and verdicts. An event that Append
// returned is on disk and survives kill -9 and loss of power. The journal never
// changes or forgets an event and never interprets a payload; the console,
// reports and evidence are projections of it.
//
// It is one SQLite file in WAL mode with synchronous=FULL, which several
// processes may have open at once.
package journal
