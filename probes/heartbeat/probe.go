package heartbeat

import (
	"context"
	"fmt"

	"tocsin/internal/telemetry"
	"tocsin/probes"
)

// Probe asks how a heartbeat stands.
type Probe struct {
	book   *Book
	config Config
	target string
}

// Probe is the heartbeat of a configuration as the schedule runs it.
func (b *Book) Probe(target string, config Config) Probe {
	return Probe{book: b, config: config, target: target}
}

// Name is that of the heartbeat.
func (p Probe) Name() string { return p.config.Name }

// About says what the probe does, for lists.
func (p Probe) About() string {
	return fmt.Sprintf("whether %s reports every %s", p.config.Name, p.config.Every)
}

// Run never waits: reports come by themselves.
func (p Probe) Run(context.Context) probes.Result {
	now := p.book.now()
	result := probes.Result{
		Probe: p.config.Name, Target: p.target, RunID: telemetry.RunID(), Started: now.UTC(), Attempts: 1, Steps: []probes.Step{},
	}
	p.book.mu.Lock()
	h := heard{since: now}
	if one := p.book.known[p.config.Name]; one != nil {
		h = one.heard
	}
	p.book.mu.Unlock()
	standing := judge(p.config, h, now)
	result.End(standing.Reason, standing.Detail)
	if !result.Verdict.Good() {
		result.FailedStep = "report"
	}
	if h.ended != nil {
		result.Figures = map[string]float64{"age_seconds": now.Sub(h.ended.At).Seconds()}
		if h.ended.DurationSeconds > 0 {
			result.Figures["job_seconds"] = h.ended.DurationSeconds
		}
	}
	return result
}
