package journey

import (
	"net/http"
	"strconv"
	"time"
)

// clockBounds narrow down how far our clock is ahead of the target's. One Date
// says it to a second; several, sent at different parts of a second, say it
// better.
type clockBounds struct {
	low, high time.Duration
	known     bool
}

// observe takes the answer to a request that was sent and received at these
// times of our clock. The target wrote Date between them, within the second
// that Date names; a cache on the way says by Age how long ago that was (RFC
// 9111, section 5.1).
func (b *clockBounds) observe(sent, received time.Time, header http.Header) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return
	}
	if age, err := strconv.Atoi(header.Get("Age")); err == nil && age > 0 {
		date = date.Add(time.Duration(age) * time.Second)
	}
	low, high := sent.Sub(date.Add(time.Second)), received.Sub(date)
	narrowed := clockBounds{low: max(low, b.low), high: min(high, b.high), known: true}
	if !b.known || narrowed.low > narrowed.high {
		// Bounds that contradict each other are of two clocks: the newest counts.
		narrowed = clockBounds{low: low, high: high, known: true}
	}
	*b = narrowed
}

// skew is the middle of the bounds.
func (b *clockBounds) skew() time.Duration { return b.low + (b.high-b.low)/2 }
