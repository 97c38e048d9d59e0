package identity

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// views tells how old what this process knows is. Everything is in its memory:
// metrics have to be there when the network is not.
type views struct {
	provider *provider

	staleness, revocations, ring, expires, restarts, lists *prometheus.Desc
}

func newViews(p *provider) *views {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName("identity", "", name), help, labels, nil)
	}
	return &views{
		provider: p,
		staleness: describe("revocations_staleness_seconds",
			"For how long no etcd member has been heard about revocations, since the start when none ever was."),
		revocations: describe("revocations", "Revocations that are known."),
		ring: describe("key_ring_age_seconds",
			"How long ago the key ring was read and believed, since the start when it never was."),
		expires: describe("signing_key_expires_seconds",
			"Until the successor of the current key is to be made; negative when that is overdue.", "use", "alg"),
		restarts: describe("authenticator_restarts_total", "How often the authenticator plug-in was started again."),
		lists:    describe("status_lists_age_seconds", "How old the oldest published status list is."),
	}
}

// Describe implements prometheus.Collector.
func (v *views) Describe(all chan<- *prometheus.Desc) {
	for _, one := range []*prometheus.Desc{v.staleness, v.revocations, v.ring, v.expires, v.restarts, v.lists} {
		all <- one
	}
}

// Collect implements prometheus.Collector. What is not known is left out.
func (v *views) Collect(all chan<- prometheus.Metric) {
	gauge := func(of *prometheus.Desc, value float64, labels ...string) {
		all <- prometheus.MustNewConstMetric(of, prometheus.GaugeValue, value, labels...)
	}
	p := v.provider
	gauge(v.staleness, p.stores.revocations.Staleness().Seconds())
	gauge(v.revocations, float64(p.stores.revocations.Size()))
	gauge(v.ring, p.keys.Age().Seconds())
	for _, term := range p.keys.Terms() {
		gauge(v.expires, time.Until(term.Until).Seconds(), string(term.Use), string(term.Algorithm))
	}
	all <- prometheus.MustNewConstMetric(v.restarts, prometheus.CounterValue, float64(p.people.Restarts()))
	if age, published := p.credentials.Lists.Age(); published {
		gauge(v.lists, age.Seconds())
	}
}
