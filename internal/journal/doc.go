// Package journal owns the append-only record of everything Tocsin did and
// saw: runs, faults, alerts, approvals and verdicts. An event that Append
// returned is on disk and survives kill -9 and loss of power; one that it
// refused is not recorded. The journal never changes or forgets an event and
// never interprets a payload; the console, reports and evidence are projections
// of it.
//
// It is one SQLite file in WAL mode with synchronous=FULL, which several
// processes may have open at once. Appends that arrive while a transaction is
// being synced share the next one.
package journal
