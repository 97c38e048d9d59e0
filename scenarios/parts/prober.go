package parts

import (
	"context"
	"fmt"
	"time"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/oidc"
)

// Prober runs the probes of a target by name.
type Prober struct {
	names  []string
	probes map[string]probes.Probe
}

// NewProber makes every probe that the target file allows.
func NewProber(t *target.Target) (*Prober, error) {
	all, err := oidc.Probes(t)
	if err != nil {
		return nil, fmt.Errorf("make probes: %w", err)
	}
	prober := &Prober{probes: make(map[string]probes.Probe, len(all))}
	for _, probe := range all {
		prober.names = append(prober.names, probe.Name())
		prober.probes[probe.Name()] = probe
	}
	return prober, nil
}

// Names lists the probes.
func (p *Prober) Names() []string { return p.names }

// Run runs one probe.
func (p *Prober) Run(ctx context.Context, name string) probes.Result {
	probe, ok := p.probes[name]
	if !ok {
		return probes.Result{
			Probe: name, Verdict: verdict.Unknown, Started: time.Now(),
			Reason: "the target has no such probe",
		}
	}
	return probe.Run(ctx)
}
