// Package scale owns the proof that the schedule holds at scale: tocsin serve
// with ten thousand HTTP probes every ten seconds on one core, beside the
// Prometheus blackbox exporter, which gets the same work in the same run. It is
// built with the tag scale only (make bench-scale), and nothing imports it.
package scale
