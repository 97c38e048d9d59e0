package ops

import (
	"encoding/json"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Rules say what a service needs of its dependencies. Each returns the reasons
// against; none means yes.
type Rules struct {
	// Serving is asked for /lb-check: is sending users here better than
	// sending them to another zone?
	Serving func([]State) []string
	// Ready is asked for /readyz: would everything this service does succeed?
	Ready func([]State) []string
}

// AllUp is the rule that every dependency is needed.
func AllUp(states []State) []string {
	var reasons []string
	for _, state := range states {
		if !state.Up {
			reasons = append(reasons, state.Dependency+": "+state.Reason)
		}
	}
	return reasons
}

// Report is the body of /readyz and /lb-check.
type Report struct {
	Ready        bool     `json:"ready"`
	Reasons      []string `json:"reasons,omitempty"`
	Dependencies []State  `json:"dependencies,omitempty"`
}

// Handler serves /livez, /readyz, /lb-check and /metrics.
func (b *Board) Handler(rules Rules, metrics prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		b.answer(w, Report{Ready: true})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		states := b.States()
		report := b.judge(states, rules.Ready)
		report.Dependencies = states
		b.answer(w, report)
	})
	mux.HandleFunc("GET /lb-check", func(w http.ResponseWriter, _ *http.Request) {
		b.answer(w, b.judge(b.States(), rules.Serving))
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	return mux
}

func (b *Board) judge(states []State, rule func([]State) []string) Report {
	reasons := rule(states)
	if b.draining.Load() {
		reasons = append(reasons, "draining: the process is stopping")
	}
	return Report{Ready: len(reasons) == 0, Reasons: reasons}
}

func (b *Board) answer(w http.ResponseWriter, report Report) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !report.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if err := json.NewEncoder(w).Encode(report); err != nil {
		b.log.Debug("write health answer", "error", err)
	}
}
