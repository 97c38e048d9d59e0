package login

import (
	"github.com/prometheus/client_golang/prometheus"

	"tocsin/system/internal/trace"
)

// Counter counts how logins end.
type Counter interface {
	Inc(result string, mark trace.Mark)
}

// Logins is the metric logins_total{result,synthetic}.
type Logins struct{ total *prometheus.CounterVec }

// NewLogins registers the metric under namespace.
func NewLogins(namespace string, registry prometheus.Registerer) *Logins {
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "logins_total",
		Help: "Logins by how they ended: success is a token response; denied, mismatch, locked, gone, forged, unsupported and refused are verdicts; unavailable is our fault.",
	}, []string{"result", "synthetic"})
	registry.MustRegister(total)
	for _, result := range []string{"success", "unavailable"} {
		for _, synthetic := range []string{"true", "false"} {
			total.WithLabelValues(result, synthetic) // a rate needs the zero before the first
		}
	}
	return &Logins{total: total}
}

// Inc implements Counter.
func (l *Logins) Inc(result string, mark trace.Mark) {
	l.total.WithLabelValues(result, mark.Synthetic()).Inc()
}
