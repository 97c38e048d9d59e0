package tracing_test

import (
	"compress/gzip"
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/tracing"
)

// sink is a collector that speaks OTLP over HTTP.
type sink struct {
	mu     sync.Mutex
	spans  []*trace.Span
	status int
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unpacked
	}
	data, err := io.ReadAll(body)
	var request collector.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(data, &request) != nil || r.URL.Path != "/v1/traces" {
		http.Error(w, "not OTLP", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status != 0 {
		w.WriteHeader(s.status)
		return
	}
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			s.spans = append(s.spans, scope.GetSpans()...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.WriteHeader(http.StatusOK)
}

func run(id string) probes.Result {
	started := time.Now().Add(-time.Second)
	result := probes.Result{
		Probe: "login", Target: "lab", RunID: id, TraceID: "4921cd42622234f66d4c458b348995a4", Started: started, MS: 80, FailedStep: "token",
		Steps: []probes.Step{
			{Name: "discovery", Started: started, MS: 20, Hops: []probes.Hop{{Method: "GET", URL: "https://id.example/d", Status: 200, SpanID: "00f067aa0ba902b7", Started: started, MS: 19}}},
			{Name: "token", Started: started.Add(20 * time.Millisecond), MS: 60, Error: "503"},
		},
	}
	result.End(verdict.Unavailable, "the token endpoint answered 503")
	return result
}

// export sends runs to a collector and ends.
func export(t *testing.T, to *sink, results ...probes.Result) *prometheus.Registry {
	t.Helper()
	server := httptest.NewServer(to)
	defer server.Close()
	registry := prometheus.NewRegistry()
	client := otlptracehttp.NewClient(otlptracehttp.WithEndpointURL(server.URL+"/v1/traces"), otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}))
	exporter, err := tracing.New(client, registry, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range results {
		exporter.Export(result)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := exporter.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return registry
}

func TestARunIsATraceWithTheIdsThatTheTargetWasTold(t *testing.T) {
	var collected sink
	export(t, &collected, run("run-1"))
	named := map[string]*trace.Span{}
	for _, span := range collected.spans {
		named[span.GetName()] = span
		if hex.EncodeToString(span.GetTraceId()) != "4921cd42622234f66d4c458b348995a4" || span.GetEndTimeUnixNano() <= span.GetStartTimeUnixNano() {
			t.Errorf("span %v", span)
		}
	}
	whole, step, hop := named["probe login"], named["discovery"], named["GET"]
	if len(collected.spans) != 4 || whole == nil || step == nil || hop == nil || named["token"] == nil {
		t.Fatalf("spans %v", collected.spans)
	}
	if string(step.GetParentSpanId()) != string(whole.GetSpanId()) || string(hop.GetParentSpanId()) != string(step.GetSpanId()) {
		t.Error("the spans are no tree")
	}
	if hex.EncodeToString(hop.GetSpanId()) != "00f067aa0ba902b7" {
		t.Errorf("the exchange has the id %x, the target was told another", hop.GetSpanId())
	}
	if whole.GetStatus().GetCode() != trace.Status_STATUS_CODE_ERROR || step.GetStatus().GetCode() == trace.Status_STATUS_CODE_ERROR {
		t.Error("what failed and what worked is not told apart")
	}
}

func TestACollectorThatRefusesCostsOnlyTracesAndTheyAreCounted(t *testing.T) {
	registry := export(t, &sink{status: http.StatusBadRequest}, run("run-1"), run("run-2"))
	expect(t, registry, "tocsin_traces_failed_total", 2)
}

func TestExportingNeverWaits(t *testing.T) {
	registry := prometheus.NewRegistry()
	exporter, err := tracing.New(otlptracehttp.NewClient(), registry, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for range 2048 + 10 {
		exporter.Export(run("run-1"))
	}
	expect(t, registry, "tocsin_traces_dropped_total", 10)
}

func expect(t *testing.T, registry *prometheus.Registry, name string, want int) {
	t.Helper()
	text := "# HELP " + name + " " + map[string]string{
		"tocsin_traces_failed_total":  "Runs whose trace the collector did not take.",
		"tocsin_traces_dropped_total": "Runs whose trace was dropped, because too many waited for the collector.",
	}[name] + "\n# TYPE " + name + " counter\n" + name + " " + strconv.Itoa(want) + "\n"
	if err := testutil.GatherAndCompare(registry, strings.NewReader(text), name); err != nil {
		t.Error(err)
	}
}
