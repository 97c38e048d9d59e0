package history

import (
	"tocsin/internal/verdict"
)

// Count is how many runs ended how, and for how long they stand, in
// milliseconds. Good includes Retried.
type Count struct {
	Good      int64 `json:"good"`
	Retried   int64 `json:"retried"`
	Bad       int64 `json:"bad"`
	Unknown   int64 `json:"unknown"`
	GoodMS    int64 `json:"good_ms"`
	BadMS     int64 `json:"bad_ms"`
	UnknownMS int64 `json:"unknown_ms"`
}

func (c *Count) add(run Run) {
	times, weight := int64(run.Times), run.weight().Milliseconds()
	switch {
	case run.Verdict.Good():
		c.Good += times
		c.GoodMS += weight
		if run.Verdict == verdict.PassAfterRetry {
			c.Retried += times
		}
	case run.Verdict == verdict.Fail:
		c.Bad += times
		c.BadMS += weight
	default:
		c.Unknown += times
		c.UnknownMS += weight
	}
}

// Add counts what other counted as well.
func (c *Count) Add(other Count) {
	c.Good += other.Good
	c.Retried += other.Retried
	c.Bad += other.Bad
	c.Unknown += other.Unknown
	c.GoodMS += other.GoodMS
	c.BadMS += other.BadMS
	c.UnknownMS += other.UnknownMS
}

// Runs is how many there were.
func (c Count) Runs() int64 { return c.Good + c.Bad + c.Unknown }

// seenMS is the time for which there is a run.
func (c Count) seenMS() int64 { return c.GoodMS + c.BadMS + c.UnknownMS }

// at is one cell of a table: an hour or a day of a series, inside or outside
// maintenance.
type at struct {
	series      Series
	unit        int64
	maintenance bool
}

// cell is what is counted of a day. Latencies are those of runs that came out
// good: how long a failure took says nothing about the target's speed.
type cell struct {
	Count
	slowest float64
	sketch  Sketch
}

type why struct {
	series Series
	day    int64
	reason verdict.Reason
}

// fold is what a stretch of the journal adds to the projection.
type fold struct {
	hours   map[at]*Count
	days    map[at]*cell
	reasons map[why]int64
	first   map[Series]int64
	kept    []Run
}

func newFold() *fold {
	return &fold{
		hours: make(map[at]*Count), days: make(map[at]*cell), reasons: make(map[why]int64), first: make(map[Series]int64),
	}
}

// add counts a run. Compactable says that it is not kept whole for ever.
func (f *fold) add(run Run, compactable bool) {
	f.seen(run.Series, run.At.UnixMilli())
	if !compactable {
		f.kept = append(f.kept, run)
	}
	if run.Interval <= 0 {
		return
	}
	inside := run.Maintenance != ""
	f.hour(at{run.Series, run.hour(), inside}).add(run)
	day := f.day(at{run.Series, run.day(), inside})
	day.add(run)
	if run.Verdict.Good() {
		day.slowest = max(day.slowest, run.MS)
		day.sketch[binOf(run.MS)]++
	}
	f.reasons[why{run.Series, run.day(), run.Reason}] += int64(run.Times)
}

// addBlock counts what a segment says, without making runs of it.
func (f *fold) addBlock(series Series, hour int64, b block) {
	if len(b.starts) == 0 {
		return
	}
	f.seen(series, b.starts[0])
	count := Count{Good: int64(len(b.starts)), GoodMS: int64(len(b.starts)) * b.interval.Milliseconds()}
	inside := b.maintenance != ""
	f.hour(at{series, hour, inside}).Add(count)
	day := f.day(at{series, floor(hour, 24), inside})
	day.Add(count)
	for _, bin := range b.bins {
		day.sketch[bin]++
		day.slowest = max(day.slowest, msOf(bin))
	}
	f.reasons[why{series, floor(hour, 24), verdict.OK}] += count.Good
}

func (f *fold) seen(series Series, ms int64) {
	if known, ok := f.first[series]; !ok || ms < known {
		f.first[series] = ms
	}
}

func (f *fold) hour(key at) *Count {
	found, ok := f.hours[key]
	if !ok {
		found = &Count{}
		f.hours[key] = found
	}
	return found
}

func (f *fold) day(key at) *cell {
	found, ok := f.days[key]
	if !ok {
		found = &cell{sketch: make(Sketch)}
		f.days[key] = found
	}
	return found
}
