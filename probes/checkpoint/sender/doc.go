// Package sender owns when a checkpoint sends what it has recorded: at once
// what is new, in turn with it what has waited, and again what was not
// acknowledged. It loses nothing and decides nothing.
package sender
