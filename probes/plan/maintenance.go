package plan

import (
	"fmt"
	"slices"
	"strings"

	"tocsin/internal/target"
	"tocsin/probes/heartbeat"
	"tocsin/probes/maintenance"
)

// Maintenance is the calendar of the plan's windows. It fails when a window is
// for a probe or a zone that there is not: its runs would count as outages.
func (p *Plan) Maintenance(t *target.Target, entries []Entry) (*maintenance.Calendar, error) {
	for index, window := range p.file.Maintenance {
		for at, zone := range window.Zones {
			if !slices.ContainsFunc(t.Zones, func(known target.Zone) bool { return known.Name == zone }) {
				return nil, p.document.Problem(fmt.Sprintf("maintenance[%d].zones[%d]", index, at), fmt.Sprintf("%q is no zone of the target", zone), "")
			}
		}
		covered := slices.ContainsFunc(entries, func(e Entry) bool { return window.Covers(Subject(t, e.Probe.Name())) }) ||
			slices.ContainsFunc(p.file.Heartbeats, func(job heartbeat.Config) bool { return window.Covers(Subject(t, job.Name)) })
		if !covered {
			return nil, p.document.Problem(fmt.Sprintf("maintenance[%d]", index), fmt.Sprintf("window %q is for no probe of this plan", window.Name), "tocsin probe list names them")
		}
	}
	calendar, err := maintenance.New(p.file.Maintenance)
	if err != nil {
		return nil, fmt.Errorf("plan maintenance: %w", err)
	}
	return calendar, nil
}

// Subject is what a probe of a target is to a window. A probe of one zone has
// its name at the end, as zone-a has.
func Subject(t *target.Target, probe string) maintenance.Subject {
	for _, zone := range t.Zones {
		if strings.HasSuffix(probe, "-"+zone.Name) {
			return maintenance.Subject{Probe: probe, Zone: zone.Name}
		}
	}
	return maintenance.Subject{Probe: probe}
}
