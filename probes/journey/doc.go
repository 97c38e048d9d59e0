// Package journey owns how a probe that makes exchanges is run: its attempts,
// its steps and their times, and how the way it ended becomes a verdict with a
// reason. What the steps are is told by the families of probes. It knows no
// protocol above HTTP, and never decides when a probe runs.
package journey
