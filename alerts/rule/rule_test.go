package rule_test

import (
	"math/big"
	"testing"
	"time"

	"tocsin/alerts/rule"
)

func TestDecimalWritesWhatPrometheusReads(t *testing.T) {
	cases := map[string]struct {
		number *big.Rat
		want   string
	}{
		"a budget of 99.9 % is exact":           {big.NewRat(1, 1000), "0.001"},
		"a whole number has no point":           {big.NewRat(28, 1), "28"},
		"a threshold over 28 days is exact":     {big.NewRat(1344, 100000), "0.01344"},
		"what never ends is rounded, not wrong": {big.NewRat(14, 15000), "0.00093333333333333333"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := rule.Decimal(c.number); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestDurationsKeepTheUnitPeopleWrite(t *testing.T) {
	for want, length := range map[string]time.Duration{
		"28d": 28 * 24 * time.Hour, "1d": 24 * time.Hour, "6h": 6 * time.Hour, "1m40s": 100 * time.Second, "0s": 0,
	} {
		if got := rule.Duration(length).String(); got != want {
			t.Errorf("%v is written %s, want %s", length, got, want)
		}
	}
}
