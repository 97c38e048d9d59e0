package outage

import (
	"github.com/prometheus/client_golang/prometheus"

	"tocsin/internal/telemetry"
	"tocsin/probes/quorum"
)

// collector shows where probes stand, as of the scrape: votes grow stale
// without anybody saying so.
type collector struct {
	watch *Watch

	outage, decided, voters, alone *prometheus.Desc
}

func newCollector(w *Watch) *collector {
	probe := []string{telemetry.LabelProbe}
	return &collector{
		watch: w,
		outage: prometheus.NewDesc(telemetry.MetricOutage,
			"1 while an outage is declared and has not been seen to end, 0 while enough checkpoints see the target work, absent while nobody can tell.", probe, nil),
		decided: prometheus.NewDesc(telemetry.MetricQuorumDecided, "1 while the votes are enough to tell, else 0.", probe, nil),
		voters: prometheus.NewDesc(telemetry.MetricQuorumVoters, "Checkpoints by what their last run says: up, down, or silent.",
			[]string{telemetry.LabelProbe, telemetry.LabelVote}, nil),
		alone: prometheus.NewDesc(telemetry.MetricCheckpointAlone, "1 while a checkpoint sees a failure that others, which looked since, do not see.",
			[]string{telemetry.LabelCheckpoint, telemetry.LabelProbe}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(descriptions chan<- *prometheus.Desc) {
	for _, description := range []*prometheus.Desc{c.outage, c.decided, c.voters, c.alone} {
		descriptions <- description
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(description *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(description, prometheus.GaugeValue, value, labels...)
	}
	for _, standing := range c.watch.Standings() {
		probe := standing.Probe
		switch {
		case standing.Outage != nil:
			gauge(c.outage, 1, probe)
		case standing.Decision == quorum.Up:
			gauge(c.outage, 0, probe)
		}
		decided := 1.0
		if standing.Decision == quorum.Unknown {
			decided = 0
		}
		gauge(c.decided, decided, probe)
		gauge(c.voters, float64(len(standing.Tally.Up)), probe, "up")
		gauge(c.voters, float64(len(standing.Tally.Down)), probe, "down")
		gauge(c.voters, float64(len(standing.Tally.Silent)), probe, "silent")
		for _, name := range standing.Alone {
			gauge(c.alone, 1, name, probe)
		}
	}
}
