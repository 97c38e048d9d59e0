package ops

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"tocsin/system/internal/trace"
)

// NewRegistry returns a registry with the metrics every process has.
func NewRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}

// Requests measures and logs the requests of a service.
type Requests struct {
	log      *slog.Logger
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// NewRequests registers http_requests_total{endpoint,code,synthetic} and
// http_request_duration_seconds{endpoint} under namespace.
func NewRequests(namespace string, log *slog.Logger, registry prometheus.Registerer) *Requests {
	requests := &Requests{
		log: log,
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "http_requests_total", Help: "Requests answered.",
		}, []string{"endpoint", "code", "synthetic"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "http_request_duration_seconds", Help: "Time to answer a request.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"endpoint"}),
	}
	registry.MustRegister(requests.total, requests.duration)
	return requests
}

// Measure wraps the handler of endpoint: it puts the trace mark into the
// context, counts, times, and logs what ended with a server error.
func (m *Requests) Measure(endpoint string, next http.Handler) http.Handler {
	duration := m.duration.WithLabelValues(endpoint)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		mark := trace.FromRequest(r)
		ctx := trace.With(r.Context(), mark)
		recorder := &recorder{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(recorder, r.WithContext(ctx))
		elapsed := time.Since(started)
		duration.(prometheus.ExemplarObserver).ObserveWithExemplar(elapsed.Seconds(), prometheus.Labels{"trace_id": mark.TraceID})
		m.total.WithLabelValues(endpoint, strconv.Itoa(recorder.code), mark.Synthetic()).Inc()
		if recorder.code >= http.StatusInternalServerError {
			m.log.WarnContext(ctx, "request not served", "endpoint", endpoint, "code", recorder.code, "elapsed", elapsed.String())
		}
	})
}

type recorder struct {
	http.ResponseWriter
	code int
}

func (r *recorder) WriteHeader(code int) {
	r.code = code
	r.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
