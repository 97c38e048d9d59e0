package history

import (
	"context"
	"time"
)

// Recent returns how a probe did in the hours up to now, from all checkpoints
// together. The hour under way counts as far as it has elapsed, and the first
// hour whole. It has no days, reasons and latencies. The history must be up to
// date.
func (h *History) Recent(ctx context.Context, probe string, back time.Duration, now time.Time) (Uptime, error) {
	from := now.Add(-back).Truncate(time.Hour)
	s := Selection{Probe: probe, From: from, Until: now.Truncate(time.Hour).Add(time.Hour)}
	hours, err := h.hours(ctx, s)
	if err != nil {
		return Uptime{}, err
	}
	series, err := h.Series(ctx)
	if err != nil {
		return Uptime{}, err
	}
	u := Uptime{Probe: probe, From: from, Until: now}
	for key, one := range hours {
		if key.maintenance {
			u.Maintenance.Add(*one)
		} else {
			u.Count.Add(*one)
		}
	}
	checkpoints := count(series, func(one Series) bool { return one.Probe == probe })
	elapsed := now.Sub(from).Milliseconds() * int64(checkpoints)
	u.Uptime, u.AtLeast, u.AtMost, u.UnknownShare, u.MissingShare = shares(u.Count, u.Maintenance, elapsed)
	u.DowntimeSeconds = float64(u.BadMS) / 1000
	u.MaintenanceSeconds = float64(u.Maintenance.seenMS()) / 1000
	return u, nil
}
