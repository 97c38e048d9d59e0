// Package schedule owns when probes run: a phase fixed by name, latency
// counted from the intended start, and no tick dropped in silence. What to do
// with a result is the caller's, on another goroutine: a slow store never
// delays a probe.
package schedule
