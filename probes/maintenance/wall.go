package maintenance

import "time"

// instantOf is when the wall clocks of zone show what wall shows, read without
// its own zone. RFC 5545, section 3.3.5, decides the two hard cases: a time
// that happens twice is the first, and one that is skipped is read with the
// offset in force before the gap. time.Date promises neither.
func instantOf(wall time.Time, zone *time.Location) time.Time {
	naive := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), time.UTC)
	// Offsets change at most once within these two days, and by less than a day.
	before := naive.Add(-offsetAt(naive.Add(-24*time.Hour), zone))
	after := naive.Add(-offsetAt(naive.Add(24*time.Hour), zone))
	shows := func(instant time.Time) bool {
		return instant.Add(offsetAt(instant, zone)).Equal(naive)
	}
	// Read with the offset before the change, a time that happens twice is its
	// first, and a time in the gap has no other reading.
	if !shows(before) && shows(after) {
		return after
	}
	return before
}

func offsetAt(instant time.Time, zone *time.Location) time.Duration {
	_, seconds := instant.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}
