package schedule

import "time"

// gap is a span of time in which this process could not look: it got no
// processor, or the machine slept.
type gap struct {
	from, to time.Duration
	asleep   bool
}

// blindness remembers the gaps of late. The dispatcher says when it means to
// wake up next; waking up later than that is what shows a gap. What timed out in
// a gap was not measured.
type blindness struct {
	// threshold is how late the dispatcher may wake up.
	threshold time.Duration
	// expected is when it means to wake up.
	expected time.Duration
	asleep   time.Duration
	gaps     []gap
}

// keepGaps bounds how many gaps are remembered. Only runs under way ask.
const keepGaps = 64

// woke takes in that the dispatcher is awake at now, and reports the gap that it
// comes from, if any.
func (b *blindness) woke(now, asleep time.Duration) (gap, bool) {
	slept := asleep > b.asleep
	b.asleep = asleep
	if now-b.expected <= b.threshold {
		return gap{}, false
	}
	found := gap{from: b.expected, to: now, asleep: slept}
	if len(b.gaps) == keepGaps {
		b.gaps = append(b.gaps[:0], b.gaps[1:]...)
	}
	b.gaps = append(b.gaps, found)
	return found, true
}

// during reports a gap that touches the span since from. The dispatcher itself
// may be overdue just now: a run that wakes up before it is in the same gap.
func (b *blindness) during(from, now, asleep time.Duration) (gap, bool) {
	if now-b.expected > b.threshold {
		return gap{from: b.expected, to: now, asleep: asleep > b.asleep}, true
	}
	if last := len(b.gaps) - 1; last >= 0 && b.gaps[last].to > from {
		return b.gaps[last], true
	}
	return gap{}, false
}

func (g gap) length() time.Duration { return g.to - g.from }
