package load

import (
	"math"
	"slices"
	"time"
)

// Plan is the load that is asked for.
type Plan struct {
	// Rate in logins started per second, whatever the answers (open model).
	Rate     int           `json:"rate"`
	Duration time.Duration `json:"-"`
	RunID    string        `json:"-"`
	// Returning is how many people log in, again and again, without being asked
	// for a consent they gave before; 0 means everybody, consenting anew.
	Returning int `json:"returning,omitempty"`
}

// Asked is the number of logins that the plan starts.
func (p Plan) Asked() int {
	return int(math.Round(float64(p.Rate) * p.Duration.Seconds()))
}

// End is what the load program says about itself when it has ended.
type End struct {
	Iterations int `json:"iterations"`
	// Dropped counts logins that had no virtual user to run in.
	Dropped int `json:"dropped"`
	// Interrupted counts logins that were cut off by the end, without a line.
	Interrupted int `json:"interrupted"`
	// Unreadable counts lines that could not be parsed.
	Unreadable int    `json:"unreadable"`
	ExitCode   int    `json:"exit_code"`
	Stopped    bool   `json:"stopped"`
	Note       string `json:"note,omitempty"`
}

// Figures sum up a load. Times are in milliseconds, rates per second.
type Figures struct {
	AskedRate     float64             `json:"asked_rate"`
	DeliveredRate float64             `json:"delivered_rate"`
	Asked         int                 `json:"asked"`
	Logins        int                 `json:"logins"`
	OK            int                 `json:"ok"`
	Failed        int                 `json:"failed"`
	Waited        int                 `json:"waited"`
	Restarts      int                 `json:"restarts"`
	Lies          int                 `json:"lies"`
	Dropped       int                 `json:"dropped"`
	Interrupted   int                 `json:"interrupted"`
	LongestMS     float64             `json:"longest_ms"`
	P50MS         float64             `json:"p50_ms"`
	P95MS         float64             `json:"p95_ms"`
	P99MS         float64             `json:"p99_ms"`
	Problems      map[ProblemKind]int `json:"problems"`
	Note          string              `json:"note,omitempty"`
	// Failures are examples of failed logins, the first ones.
	Failures []Failure `json:"failures,omitempty"`
}

// Failure is one login that gave up.
type Failure struct {
	Started time.Time `json:"started"`
	Reason  string    `json:"reason"`
	TraceID string    `json:"trace_id"`
}

// keptFailures bounds the examples of failed logins.
const keptFailures = 5

// DeliveredShare is the delivered part of the asked rate, 0 when none was asked.
func (f Figures) DeliveredShare() float64 {
	if f.AskedRate == 0 {
		return 0
	}
	return f.DeliveredRate / f.AskedRate
}

// Sum makes the figures of a load. The delivered rate counts logins that were
// started and told their end, over the planned duration: a program that starts
// late or starves is seen here.
func Sum(plan Plan, logins []Login, end End) Figures {
	figures := Figures{
		AskedRate: float64(plan.Rate), Asked: plan.Asked(), Logins: len(logins),
		Dropped: end.Dropped, Interrupted: end.Interrupted, Note: end.Note,
		Problems: make(map[ProblemKind]int),
	}
	if plan.Duration > 0 {
		figures.DeliveredRate = float64(len(logins)) / plan.Duration.Seconds()
	}
	took := make([]time.Duration, 0, len(logins))
	for _, login := range logins {
		took = append(took, login.Took())
		figures.add(login)
	}
	slices.Sort(took)
	figures.P50MS = milliseconds(Quantile(took, 0.50))
	figures.P95MS = milliseconds(Quantile(took, 0.95))
	figures.P99MS = milliseconds(Quantile(took, 0.99))
	figures.LongestMS = milliseconds(Quantile(took, 1))
	return figures
}

func (f *Figures) add(login Login) {
	if login.OK {
		f.OK++
	} else {
		f.Failed++
		if len(f.Failures) < keptFailures {
			f.Failures = append(f.Failures, Failure{login.Start, login.GaveUp, login.TraceID})
		}
	}
	if login.Waits > 0 {
		f.Waited++
	}
	f.Restarts += login.Restarts
	f.Lies += login.Lies()
	for _, problem := range login.Problems {
		f.Problems[problem.Kind]++
	}
}

// Quantile returns the nearest-rank quantile q in [0, 1] of sorted, which is an
// observed value, never an interpolated one; 0 for no values.
func Quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

func milliseconds(d time.Duration) float64 {
	return float64(d) / float64(time.Millisecond)
}
