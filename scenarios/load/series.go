package load

import (
	"slices"
	"time"
)

// Second is what happened in one second of a load. Latencies belong to the
// second in which the login started, problems to the one in which they were met.
type Second struct {
	At       time.Time `json:"at"`
	Started  int       `json:"started"`
	Failed   int       `json:"failed"`
	Problems int       `json:"problems"`
	Lies     int       `json:"lies"`
	P50MS    float64   `json:"p50_ms"`
	P95MS    float64   `json:"p95_ms"`
	MaxMS    float64   `json:"max_ms"`
}

// Series is the load second by second, from the second of from on, without
// gaps: a second in which nothing happened is there and empty.
func Series(from, until time.Time, logins []Login) []Second {
	first := from.Truncate(time.Second)
	count := int(until.Sub(first)/time.Second) + 1
	if count < 1 || len(logins) == 0 {
		return nil
	}
	seconds := make([]Second, count)
	took := make([][]time.Duration, count)
	for i := range seconds {
		seconds[i].At = first.Add(time.Duration(i) * time.Second)
	}
	slot := func(at time.Time) int { return min(max(int(at.Sub(first)/time.Second), 0), count-1) }
	for _, login := range logins {
		i := slot(login.Start)
		seconds[i].Started++
		took[i] = append(took[i], login.Took())
		if !login.OK {
			seconds[slot(login.End)].Failed++
		}
		for _, problem := range login.Problems {
			at := slot(problem.At)
			seconds[at].Problems++
			if problem.Kind == Lie {
				seconds[at].Lies++
			}
		}
	}
	for i, values := range took {
		slices.Sort(values)
		seconds[i].P50MS = milliseconds(Quantile(values, 0.50))
		seconds[i].P95MS = milliseconds(Quantile(values, 0.95))
		seconds[i].MaxMS = milliseconds(Quantile(values, 1))
	}
	return seconds
}
