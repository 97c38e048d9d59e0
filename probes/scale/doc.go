// Package scale owns the proof that the schedule holds at scale: ten thousand
// HTTP probes every ten seconds on one core, beside the Prometheus blackbox
// exporter with the same work in the same run. It is built with the tag scale
// only, and nothing imports it.
package scale
