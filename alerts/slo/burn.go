package slo

import (
	"math/big"
	"time"

	"tocsin/alerts/rule"
)

const day = 24 * time.Hour

// Pair is a long window that says enough of the budget is gone, and a short one
// that says it is still going: the alert ends soon after the burning does.
type Pair struct {
	Severity rule.Severity
	// Budget is the share of the whole period's budget that is gone when the
	// alert fires.
	Budget      *big.Rat
	Long, Short rule.Duration
}

// Pairs returns the windows of the Site Reliability Workbook, table 5-8, and
// the pair over one day that Google's own rules add to it. Short is a twelfth
// of Long.
func Pairs() []Pair {
	pair := func(severity rule.Severity, percent int64, long, short time.Duration) Pair {
		return Pair{Severity: severity, Budget: big.NewRat(percent, 100), Long: rule.Duration(long), Short: rule.Duration(short)}
	}
	return []Pair{
		pair(rule.Critical, 2, time.Hour, 5*time.Minute),
		pair(rule.Critical, 5, 6*time.Hour, 30*time.Minute),
		pair(rule.Warning, 10, day, 2*time.Hour),
		pair(rule.Warning, 10, 3*day, 6*time.Hour),
	}
}

// Factor is the burn rate at which Budget is gone after Long: budget share x
// period / long window. Over 28 days that is 13.44, 5.6, 2.8 and 14/15, not the
// 14.4, 6, 3 and 1 of a period of 30 days.
func (p Pair) Factor(s Spec) *big.Rat {
	windows := big.NewRat(int64(s.Period), int64(p.Long))
	return windows.Mul(windows, p.Budget)
}

// Threshold is the share of failed runs above which the pair fires.
func (p Pair) Threshold(s Spec) *big.Rat {
	factor := p.Factor(s)
	return factor.Mul(factor, s.Objective.Budget())
}

// windows returns every window that is recorded, shortest first.
func (s Spec) windows() []rule.Duration {
	return []rule.Duration{
		rule.Duration(5 * time.Minute), rule.Duration(30 * time.Minute),
		rule.Duration(time.Hour), rule.Duration(2 * time.Hour), rule.Duration(6 * time.Hour),
		rule.Duration(day), rule.Duration(3 * day), rule.Duration(s.Period),
	}
}

// need is how many runs must fail in the long window for a pair to fire.
type need struct {
	runs int64
	// plain is by the burn rate alone, guarded also by the minimum.
	plain   int64
	guarded int
}

func (s Spec) failuresToFire(pair Pair) need {
	runs := int64(pair.Long) / int64(s.Interval)
	exact := new(big.Rat).Mul(pair.Threshold(s), new(big.Rat).SetInt64(runs))
	// The alert fires above the threshold, not at it.
	above := new(big.Int).Quo(exact.Num(), exact.Denom()).Int64() + 1
	return need{runs: runs, plain: above, guarded: int(max(above, int64(s.MinimumFailures)))}
}
