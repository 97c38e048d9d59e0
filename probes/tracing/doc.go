// Package tracing owns how runs are shown as traces: a span for the run, for
// each of its steps, and for each exchange, under the ids that the target was
// told in its traceparent. They go to a collector over OTLP (OpenTelemetry
// Protocol). A collector that is slow or away costs spans, which are counted;
// it never delays a probe.
package tracing
