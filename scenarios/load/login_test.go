package load_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tocsin/scenarios/load"
)

const good = `{"v":1,"n":7,"start":1000,"end":1400,"ok":true,"gave_up":"","trace_id":"aa","waits":1,"waited_ms":100,"restarts":0,` +
	`"steps":{"authorize":12,"token":30.5},"errors":[{"t":1100,"step":"consent","status":503,"kind":"5xx","detail":"no primary"}],"errors_total":1,` +
	`"grant_id":"g","grant_acked_at":1350,"code":"c","code_verifier":"v","code_redeemed_at":1390}`

func TestALineTellsAllOfALogin(t *testing.T) {
	login, err := load.ParseLine([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if login.N != 7 || login.Took() != 400*time.Millisecond || !login.OK || login.GrantID != "g" || login.Steps["token"] != 30500*time.Microsecond {
		t.Errorf("login %+v", login)
	}
	if len(login.Problems) != 1 || login.Problems[0].Kind != load.Status5 || login.Problems[0].At.UnixMilli() != 1100 {
		t.Errorf("problems %+v", login.Problems)
	}
}

func TestALineThatContradictsItselfIsRefused(t *testing.T) {
	for name, change := range map[string][2]string{
		"another version":              {`"v":1`, `"v":2`},
		"an end before its start":      {`"end":1400`, `"end":900`},
		"no start":                     {`"start":1000`, `"start":0`},
		"success and giving up":        {`"gave_up":""`, `"gave_up":"no"`},
		"success without a code":       {`"code":"c"`, `"code":""`},
		"more errors than it counts":   {`"errors_total":1`, `"errors_total":0`},
		"a text where a number stands": {`"n":7`, `"n":"7"`},
		"half a line":                  {good[200:], ``},
	} {
		t.Run(name, func(t *testing.T) {
			if login, err := load.ParseLine([]byte(strings.Replace(good, change[0], change[1], 1))); err == nil {
				t.Errorf("accepted as %+v", login)
			}
		})
	}
}

func TestAnExceptionOfTheScriptIsToldApart(t *testing.T) {
	_, err := load.ParseLine([]byte(`{"v":1,"n":1,"start":1,"end":2,"gave_up":"script: TypeError","script_error":true}`))
	if !errors.Is(err, load.ErrScript) {
		t.Errorf("error %v", err)
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"v":1}`))
	f.Add([]byte(`{"v":1,"start":-9223372036854775808,"end":9223372036854775807}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		login, err := load.ParseLine(text)
		if err != nil {
			return
		}
		if login.End.Before(login.Start) || login.OK && login.Code == "" || login.ProblemsTotal < len(login.Problems) {
			t.Errorf("accepted %q as %+v", text, login)
		}
		load.Sum(load.Plan{Rate: 1, Duration: time.Second}, []load.Login{login}, load.End{})
	})
}

func BenchmarkParseLine(b *testing.B) {
	text := []byte(good)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := load.ParseLine(text); err != nil {
			b.Fatal(err)
		}
	}
}

func logins(count int, took time.Duration) []load.Login {
	made := make([]load.Login, count)
	for i := range made {
		start := time.UnixMilli(int64(i) * 50)
		made[i] = load.Login{N: i, OK: true, Start: start, End: start.Add(took)}
	}
	return made
}

func TestTheDeliveredRateCountsWhatWasStartedInTheAskedTime(t *testing.T) {
	plan := load.Plan{Rate: 20, Duration: 10 * time.Second}
	figures := load.Sum(plan, logins(150, time.Second), load.End{Dropped: 50})
	if figures.DeliveredShare() != 0.75 || figures.Asked != 200 || figures.Dropped != 50 {
		t.Errorf("figures %+v", figures)
	}
}

func TestQuantilesAreObservedValues(t *testing.T) {
	values := []time.Duration{1, 2, 3, 4, 5, 6, 7, 8, 9, 100}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 5, 0.9: 9, 0.95: 100, 1: 100} {
		if got := load.Quantile(values, q); got != want {
			t.Errorf("quantile %g is %d, want %d", q, got, want)
		}
	}
	if load.Quantile(nil, 0.5) != 0 {
		t.Error("a quantile of nothing is not 0")
	}
}

func TestJudgeNeverPassesALoadThatWasNotThere(t *testing.T) {
	healthy := load.Figures{AskedRate: 20, DeliveredRate: 20, Logins: 100, OK: 100}
	for name, c := range map[string]struct {
		change func(*load.Figures)
		want   string
	}{
		"all well":            {func(*load.Figures) {}, "pass"},
		"a failed login":      {func(f *load.Figures) { f.Failed = 1 }, "fail"},
		"a lie":               {func(f *load.Figures) { f.Lies = 1 }, "fail"},
		"no login":            {func(f *load.Figures) { f.Logins, f.DeliveredRate = 0, 0 }, "unknown"},
		"half of the load":    {func(f *load.Figures) { f.DeliveredRate = 10 }, "unknown"},
		"logins cut off":      {func(f *load.Figures) { f.Interrupted = 1 }, "unknown"},
		"failed and too slow": {func(f *load.Figures) { f.Failed, f.DeliveredRate = 1, 1 }, "fail"},
	} {
		t.Run(name, func(t *testing.T) {
			figures := healthy
			c.change(&figures)
			if judged := load.Judge(figures); string(judged.Verdict) != c.want || judged.Reason == "" {
				t.Errorf("judged %s (%s), want %s", judged.Verdict, judged.Reason, c.want)
			}
		})
	}
}

func TestASeriesHasNoGaps(t *testing.T) {
	made := logins(2, 100*time.Millisecond)
	made[1].Start, made[1].End, made[1].OK = time.UnixMilli(4200), time.UnixMilli(5900), false
	made[1].Problems = []load.Problem{{At: time.UnixMilli(4900), Kind: load.Lie}}
	series := load.Series(time.UnixMilli(0), time.UnixMilli(5900), made)
	var told []string
	for _, second := range series {
		told = append(told, fmt.Sprint(second.Started, second.Failed, second.Problems, second.Lies))
	}
	want := "1 0 0 0,0 0 0 0,0 0 0 0,0 0 0 0,1 0 1 1,0 1 0 0"
	if got := strings.Join(told, ","); got != want {
		t.Errorf("series %s, want %s", got, want)
	}
}
