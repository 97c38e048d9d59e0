// Package exchange owns one HTTP exchange of a probe: marked as synthetic,
// timed phase by phase, bounded in time and size, never following a redirect
// by itself. What goes wrong becomes a Failure in words for the person on call.
// It knows no protocol above HTTP.
package exchange
