package main

import (
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"

	"tocsin/probes/monitor"
	"tocsin/probes/tracing"
)

// tracer sends runs to the collector that the standard variables of
// OpenTelemetry name; nil where they name none.
func (a *app) tracer(registry prometheus.Registerer) (monitor.Tracer, error) {
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		return nil, nil
	}
	return tracing.New(otlptracehttp.NewClient(), registry, a.log)
}
