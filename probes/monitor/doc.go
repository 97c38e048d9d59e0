// Package monitor owns what becomes of the results of scheduled probes: metrics
// at once, the journal as soon as it takes them. It also answers Prometheus'
// multi-target pattern, as the blackbox exporter does. When probes run is
// decided by probes/schedule, what they do by the families below probes.
package monitor
