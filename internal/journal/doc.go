// Package journal owns the append-only record of everything Tocsin did and
// saw: runs, faults, alerts, approvals and verdicts. An event that Append
// returned is on disk and survives kill -9 and loss of power; one that it
// refused is not recorded. The journal never changes an event and never
// interprets a payload; the console, reports and evidence are projections of
// it.
//
// What it forgets, and how: an event recorded as compactable (a scheduled run
// that passed at once) may be replaced, once, by a segment that accounts for
// it. Compact refuses unless the segments account for exactly as many events as
// they replace, and a trigger refuses to delete any other row. Every other
// event, such as a failed or unknown run, a fault, an alert or a verdict, is
// kept whole. Segments are never changed or deleted.
//
// It is one SQLite file in WAL mode with synchronous=FULL, which several
// processes may have open at once. Appends that arrive while a transaction is
// being synced share the next one.
package journal
