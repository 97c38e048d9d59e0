// Package telemetry owns the names by which Tocsin is seen from outside: its
// metrics and labels, the headers that mark synthetic traffic, and the ids of
// runs and traces. It records nothing itself.
package telemetry
