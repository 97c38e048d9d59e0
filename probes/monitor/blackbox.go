package monitor

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tocsin/internal/journal"
	"tocsin/internal/target"
	"tocsin/internal/telemetry"
	"tocsin/probes"
)

// Blackbox answers GET /probe?module=PROBE&target=TARGET with the metrics of
// one fresh run, as the blackbox exporter does. It runs the probes of the
// configured target only: an address of the caller's choice would let anybody
// who reaches the port probe the network from here.
type Blackbox struct {
	mu       sync.RWMutex
	target   *target.Target
	probes   map[string]probes.Probe
	journal  Recorder
	evidence Keeper
	log      *slog.Logger
	slots    chan struct{}
}

// NewBlackbox makes the handler. At most four runs are under way at once.
func NewBlackbox(t *target.Target, all []probes.Probe, recorder Recorder, evidence Keeper, log *slog.Logger) *Blackbox {
	b := &Blackbox{journal: recorder, evidence: evidence, log: log, slots: make(chan struct{}, 4)}
	b.Replace(t, all)
	return b
}

// Replace puts other probes in the place of those there are.
func (b *Blackbox) Replace(t *target.Target, all []probes.Probe) {
	known := make(map[string]probes.Probe, len(all))
	for _, probe := range all {
		known[probe.Name()] = probe
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.target, b.probes = t, known
}

// find returns the probe of a name, and the target.
func (b *Blackbox) find(name string) (*target.Target, probes.Probe, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	probe, ok := b.probes[name]
	return b.target, probe, ok
}

func (b *Blackbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	configured, probe, ok := b.find(query.Get("module"))
	if !ok {
		http.Error(w, "unknown module; tocsin probe list names them", http.StatusBadRequest)
		return
	}
	if asked := query.Get("target"); asked != "" && asked != configured.Name && strings.TrimSuffix(asked, "/") != configured.Issuer {
		http.Error(w, "only the target "+configured.Name+" is configured here", http.StatusBadRequest)
		return
	}
	select {
	case b.slots <- struct{}{}:
		defer func() { <-b.slots }()
	default:
		w.Header().Set("Retry-After", "5")
		http.Error(w, "too many probes are under way", http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := withScrapeTimeout(r)
	defer cancel()
	result := probe.Run(ctx)
	result, err := b.evidence.Keep(context.WithoutCancel(ctx), result)
	if err != nil {
		b.log.ErrorContext(ctx, "the evidence of a run was not kept", "probe", result.Probe, "error", err)
	}
	if _, err := b.journal.AppendValue(context.WithoutCancel(ctx), journal.KindProbeRun, result.RunID, result.TraceID, result); err != nil {
		b.log.ErrorContext(ctx, "a result was not recorded", "probe", result.Probe, "error", err)
	}
	b.answer(w, r, result)
}

// withScrapeTimeout leaves Prometheus half a second to take the answer.
func withScrapeTimeout(r *http.Request) (context.Context, context.CancelFunc) {
	seconds, err := strconv.ParseFloat(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	if err != nil || seconds <= 1 || seconds > 3600 {
		return context.WithCancel(r.Context())
	}
	return context.WithTimeout(r.Context(), time.Duration((seconds-0.5)*float64(time.Second)))
}

func (b *Blackbox) answer(w http.ResponseWriter, r *http.Request, result probes.Result) {
	if r.URL.Query().Get("debug") == "true" {
		w.Header().Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(result); err != nil {
			b.log.DebugContext(r.Context(), "the caller left before the answer", "error", err)
		}
		return
	}
	registry := prometheus.NewRegistry()
	last := newLatest()
	last.set(result)
	duration := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: telemetry.MetricProbeDuration, Help: "Time of the run.",
	}, []string{telemetry.LabelProbe})
	duration.WithLabelValues(result.Probe).Set(result.MS / 1000)
	registry.MustRegister(last, duration)
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
}
