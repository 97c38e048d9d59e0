package history

import (
	"cmp"
	"context"
	"slices"
	"time"

	"tocsin/internal/verdict"
)

// Uptime is how one probe did in a stretch of time, from one checkpoint or, added
// up, from several. Shares are between 0 and 1. Maintenance is left out of all
// but its own figures.
type Uptime struct {
	Target string `json:"target"`
	Probe  string `json:"probe"`
	// Checkpoint is empty where several are added up.
	Checkpoint string    `json:"checkpoint,omitempty"`
	From       time.Time `json:"from"`
	Until      time.Time `json:"until"`
	Count
	// Uptime is the good part of the time that is known to be good or bad; nil
	// where nothing is known.
	Uptime *float64 `json:"uptime"`
	// AtLeast and AtMost are what it would be if all that is unknown or missing
	// had been bad, or good.
	AtLeast float64 `json:"at_least"`
	AtMost  float64 `json:"at_most"`
	// UnknownShare and MissingShare are of the elapsed time outside maintenance.
	UnknownShare float64 `json:"unknown_share"`
	MissingShare float64 `json:"missing_share"`
	// DowntimeSeconds is the time for which failed runs stand.
	DowntimeSeconds float64 `json:"downtime_seconds"`
	// Maintenance is what runs in announced windows found.
	Maintenance        Count   `json:"maintenance"`
	MaintenanceSeconds float64 `json:"maintenance_seconds"`
	// Latencies of good runs in milliseconds, to 2 %; nil without one.
	P50MS *float64 `json:"p50_ms"`
	P95MS *float64 `json:"p95_ms"`
	P99MS *float64 `json:"p99_ms"`
	MaxMS *float64 `json:"max_ms"`
	// Reasons of runs that did not pass at once, in maintenance as well.
	Reasons map[verdict.Reason]int64 `json:"reasons"`
	Days    []Day                    `json:"days"`
}

// Day is one day of an Uptime.
type Day struct {
	Date string `json:"date"`
	Count
	Uptime       *float64 `json:"uptime"`
	UnknownShare float64  `json:"unknown_share"`
	MissingShare float64  `json:"missing_share"`
	Maintenance  Count    `json:"maintenance"`
}

// Month is the first instant of a month and of the next, in UTC.
func Month(year int, month time.Month) (from, until time.Time) {
	from = time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
	return from, from.AddDate(0, 1, 0)
}

// shares is the arithmetic of uptime: from what is counted outside and inside
// maintenance in elapsed milliseconds.
func shares(outside, inside Count, elapsedMS int64) (uptime *float64, atLeast, atMost, unknown, missing float64) {
	// Runs begin before the elapsed time and stand beyond its end; what they
	// cover may be a little more than it.
	total := max(elapsedMS-inside.seenMS(), outside.seenMS())
	if known := outside.GoodMS + outside.BadMS; known > 0 {
		share := float64(outside.GoodMS) / float64(known)
		uptime = &share
	}
	if total <= 0 {
		return uptime, 0, 1, 0, 0
	}
	whole := float64(total)
	unknown = float64(outside.UnknownMS) / whole
	missing = float64(total-outside.seenMS()) / whole
	return uptime, float64(outside.GoodMS) / whole, float64(total-outside.BadMS) / whole, unknown, missing
}

// Meets says whether an objective, such as 0.999, was kept: pass only if it was
// even if all that is unknown or missing had been bad, fail only if it was not
// even if all of it had been good, otherwise unknown.
func (u Uptime) Meets(objective float64) verdict.Verdict {
	switch {
	case u.Uptime == nil:
		return verdict.Unknown
	case u.AtLeast >= objective:
		return verdict.Pass
	case u.AtMost < objective:
		return verdict.Fail
	}
	return verdict.Unknown
}

// Uptimes returns how each probe did, by name. The time must be whole days of
// UTC; of a day that has not ended, only what has elapsed at now counts. With
// apart, each checkpoint has its own. The history must be up to date.
func (h *History) Uptimes(ctx context.Context, s Selection, apart bool, now time.Time) ([]Uptime, error) {
	days, err := h.days(ctx, s)
	if err != nil {
		return nil, err
	}
	reasons, err := h.reasons(ctx, s)
	if err != nil {
		return nil, err
	}
	series, err := h.Series(ctx)
	if err != nil {
		return nil, err
	}
	grouped := make(map[Series]*stretch)
	for _, one := range series {
		if (Filter{Target: s.Target, Probe: s.Probe, Checkpoint: s.Checkpoint}).series(one) {
			group(grouped, one, apart).checkpoints++
		}
	}
	for key, one := range days {
		group(grouped, key.series, apart).add(key, one)
	}
	for key, runs := range reasons {
		group(grouped, key.series, apart).reasons[key.reason] += runs
	}
	all := make([]Uptime, 0, len(grouped))
	for key, one := range grouped {
		all = append(all, one.uptime(key, s, now))
	}
	slices.SortFunc(all, func(a, b Uptime) int {
		return cmp.Or(cmp.Compare(a.Probe, b.Probe), cmp.Compare(a.Checkpoint, b.Checkpoint), cmp.Compare(a.Target, b.Target))
	})
	return all, nil
}

// stretch is what is counted of one probe.
type stretch struct {
	checkpoints int64
	outside     map[int64]*Count
	inside      map[int64]*Count
	slowest     float64
	sketch      Sketch
	reasons     map[verdict.Reason]int64
}

func group(grouped map[Series]*stretch, series Series, apart bool) *stretch {
	if !apart {
		series.Checkpoint = ""
	}
	found, ok := grouped[series]
	if !ok {
		found = &stretch{
			outside: make(map[int64]*Count), inside: make(map[int64]*Count), sketch: make(Sketch), reasons: make(map[verdict.Reason]int64),
		}
		grouped[series] = found
	}
	return found
}

func (t *stretch) add(key at, one *cell) {
	side := t.outside
	if key.maintenance {
		side = t.inside
	} else {
		t.slowest = max(t.slowest, one.slowest)
		t.sketch.Add(one.sketch)
	}
	if side[key.unit] == nil {
		side[key.unit] = &Count{}
	}
	side[key.unit].Add(one.Count)
}

func (t *stretch) uptime(key Series, s Selection, now time.Time) Uptime {
	u := Uptime{Target: key.Target, Probe: key.Probe, Checkpoint: key.Checkpoint, From: s.From, Until: s.Until, Reasons: t.reasons, Days: []Day{}}
	elapsed := int64(0)
	for from := s.From; from.Before(s.Until) && from.Before(now); from = from.AddDate(0, 0, 1) {
		passed := min(now.Sub(from), 24*time.Hour).Milliseconds() * t.checkpoints
		elapsed += passed
		u.Days = append(u.Days, t.day(&u, from, passed))
	}
	u.Uptime, u.AtLeast, u.AtMost, u.UnknownShare, u.MissingShare = shares(u.Count, u.Maintenance, elapsed)
	u.DowntimeSeconds = float64(u.BadMS) / 1000
	u.MaintenanceSeconds = float64(u.Maintenance.seenMS()) / 1000
	for quantile, into := range map[float64]**float64{0.5: &u.P50MS, 0.95: &u.P95MS, 0.99: &u.P99MS} {
		if value, ok := t.sketch.Quantile(quantile); ok {
			*into = &value
		}
	}
	if t.slowest > 0 {
		u.MaxMS = &t.slowest
	}
	return u
}

func (t *stretch) day(u *Uptime, from time.Time, elapsedMS int64) Day {
	unit := floor(from.UnixMilli(), 86_400_000)
	day := Day{Date: from.Format(time.DateOnly)}
	if outside := t.outside[unit]; outside != nil {
		day.Count = *outside
	}
	if inside := t.inside[unit]; inside != nil {
		day.Maintenance = *inside
	}
	u.Count.Add(day.Count)
	u.Maintenance.Add(day.Maintenance)
	day.Uptime, _, _, day.UnknownShare, day.MissingShare = shares(day.Count, day.Maintenance, elapsedMS)
	return day
}
