package parts

import (
	"context"
	"fmt"
	"time"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/plan"
)

// Prober runs the probes of a target by name.
type Prober struct {
	names  []string
	probes map[string]probes.Probe
}

// NewProber makes every probe that the target file allows.
func NewProber(t *target.Target) (*Prober, error) {
	planned, err := plan.ForTarget(t, "")
	if err != nil {
		return nil, fmt.Errorf("make probes: %w", err)
	}
	entries, err := planned.Entries(t)
	if err != nil {
		return nil, fmt.Errorf("make probes: %w", err)
	}
	prober := &Prober{probes: make(map[string]probes.Probe, len(entries))}
	for _, entry := range entries {
		prober.names = append(prober.names, entry.Probe.Name())
		prober.probes[entry.Probe.Name()] = entry.Probe
	}
	return prober, nil
}

// Names lists the probes.
func (p *Prober) Names() []string { return p.names }

// Run runs one probe.
func (p *Prober) Run(ctx context.Context, name string) probes.Result {
	probe, ok := p.probes[name]
	if !ok {
		result := probes.Result{Probe: name, Started: time.Now()}
		result.End(verdict.NoData, "the target has no such probe")
		return result
	}
	return probe.Run(ctx)
}
