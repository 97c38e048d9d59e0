// Package ops is what operators and balancers see of a service: whether it
// lives, can serve and is ready, with reasons, and its metrics. Every answer
// comes from background checks; no request to it ever waits for a dependency.
package ops
