package slo_test

import (
	"strings"
	"testing"

	"tocsin/alerts/slo"
	"tocsin/alerts/slos"
)

const valid = `version: 1
slo: login
description: People can log in.
probe: login
objective: 99.9%
period: 28d
interval: 10s
`

func TestTheShippedSLOIsReadWithoutComplaint(t *testing.T) {
	spec, _, err := slo.Parse(slos.LoginFile, slos.Login())
	if err != nil {
		t.Fatal(err)
	}
	if got := spec.Objective.Budget().RatString(); got != "1/1000" {
		t.Errorf("budget is %s, want exactly 1/1000", got)
	}
}

func TestABadSLOIsRefusedWithTheReason(t *testing.T) {
	cases := map[string]struct {
		change [2]string
		want   string
	}{
		"an unknown key":                      {[2]string{"objective:", "objectiv:"}, `slo.yaml:5:1: key "objectiv"`},
		"an objective without a percent sign": {[2]string{"99.9%", "99.9"}, "objective"},
		"an objective of all":                 {[2]string{"99.9%", "100%"}, "leaves no budget"},
		"an objective of nothing":             {[2]string{"99.9%", "0%"}, "leaves no budget"},
		"an objective that is no number":      {[2]string{"99.9%", "often%"}, "is not a percentage"},
		"a missing objective":                 {[2]string{"objective: 99.9%\n", ""}, "objective is missing"},
		"a period that is no whole day":       {[2]string{"28d", "30h"}, "at least 7d"},
		"a period in no unit":                 {[2]string{"28d", "28"}, `"28"`},
		"another version":                     {[2]string{"version: 1", "version: 2"}, "version is 2"},
		"a probe that PromQL could not name":  {[2]string{"probe: login", `probe: "a\"}"`}, "is not a name"},
		"a page for one failed run":           {[2]string{"interval: 10s", "interval: 60s\nminimum_failures: 1\nfast: {within: 5m, quiet: 1m}"}, "one failed run in 60 would fire the alert over 1h"},
		"a pair of windows that cannot fire":  {[2]string{"99.9%", "90%"}, "can never fire"},
		"more failures than there are runs":   {[2]string{"interval: 10s", "interval: 30m\nfast: {within: 2h, quiet: 30m}"}, "can never fire: it needs 3 failures in 2 runs"},
		"quiet shorter than the interval":     {[2]string{"interval: 10s", "interval: 15s"}, "15s"},
		"more fast failures than fit":         {[2]string{"interval: 10s", "interval: 10s\nfast: {failures: 9}"}, "9 failures cannot happen within 30s"},
		"a runbook base that is no address":   {[2]string{"interval: 10s", "interval: 10s\nrunbook_base: ftp://x"}, "is not a web address"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(valid, c.change[0], c.change[1], 1)
			_, _, err := slo.Parse("slo.yaml", []byte(text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "slo.yaml:") {
				t.Errorf("error does not say where: %v", err)
			}
		})
	}
}

func TestAnAlertThatAFewRunsWouldFireIsSaid(t *testing.T) {
	text := strings.Replace(valid, "interval: 10s", "interval: 60s\nfast: {within: 5m, quiet: 1m}", 1)
	_, warnings, err := slo.Parse("slo.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	const want = "login: 1 failed of 60 runs in 1h burn the budget at 13.44x; minimum_failures holds the alert back until 3"
	if len(warnings) != 1 || warnings[0] != want {
		t.Errorf("got %q, want %q", warnings, want)
	}
}

func TestFactorsAreThoseOfThePeriod(t *testing.T) {
	cases := map[string][]string{
		"30d": {"72/5", "6", "3", "1"},
		"28d": {"336/25", "28/5", "14/5", "14/15"},
	}
	for period, want := range cases {
		spec, _, err := slo.Parse("slo.yaml", []byte(strings.Replace(valid, "28d", period, 1)))
		if err != nil {
			t.Fatal(err)
		}
		for i, pair := range slo.Pairs() {
			if got := pair.Factor(spec).RatString(); got != want[i] {
				t.Errorf("%s, long window %s: factor %s, want %s", period, pair.Long, got, want[i])
			}
			if pair.Short*12 != pair.Long {
				t.Errorf("short window %s is not a twelfth of %s", pair.Short, pair.Long)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(valid))
	f.Add(slos.Login())
	f.Add([]byte("objective: 1e999999999%"))
	f.Fuzz(func(t *testing.T, data []byte) {
		spec, _, err := slo.Parse("slo.yaml", data)
		if err == nil && len(spec.Groups()) == 0 {
			t.Error("an accepted SLO makes no rules")
		}
	})
}

func BenchmarkGroups(b *testing.B) {
	spec, _, err := slo.Parse(slos.LoginFile, slos.Login())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		spec.Groups()
	}
}
