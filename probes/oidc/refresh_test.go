package oidc_test

import (
	"strings"
	"testing"
	"time"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/memory"
)

func TestAReplacedRefreshTokenIsJudgedAsTheTargetFileSays(t *testing.T) {
	unrotated := func() faults {
		return faults{reusable: true, meddle: at("/token", then(2, change("/token", `"refresh_token"`, `"other"`)))}
	}
	for name, tc := range map[string]struct {
		broken  faults
		refresh target.Refresh
		reason  verdict.Reason
		step    string
		skipped string
	}{
		"refused, as usual":                     {faults{}, target.Refresh{}, verdict.OK, "", ""},
		"accepted, which is not allowed":        {faults{reusable: true}, target.Refresh{}, verdict.Replayed, "reuse", ""},
		"accepted, which is allowed":            {faults{reusable: true}, target.Refresh{Reuse: target.ReuseAllowed}, verdict.OK, "", "refresh.reuse"},
		"accepted within its grace":             {faults{reusable: true}, target.Refresh{ReuseGrace: time.Minute}, verdict.OK, "", "refresh.reuse_grace"},
		"not rotated":                           {unrotated(), target.Refresh{}, verdict.OK, "", ""},
		"not rotated, though that was promised": {unrotated(), target.Refresh{Rotation: target.RotationRequired}, verdict.Assertion, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t, tc.broken)
			cfg := p.config()
			cfg.Refresh = tc.refresh
			result := runNamed(t, cfg, "refresh")
			if result.Reason != tc.reason || result.FailedStep != tc.step {
				t.Errorf("got %s at %q: %s", result.Reason, result.FailedStep, result.Detail)
			}
			last := result.Steps[len(result.Steps)-1]
			if tc.skipped != "" && (last.Name != "reuse" || !strings.Contains(last.Skipped, tc.skipped)) {
				t.Errorf("the last step is %s, skipped %q", last.Name, last.Skipped)
			}
		})
	}
}

func TestAReplacedRefreshTokenIsTriedByALaterRunWhenItsGraceIsOver(t *testing.T) {
	for name, tc := range map[string]struct {
		reusable bool
		reason   verdict.Reason
	}{
		"and refused": {false, verdict.OK}, "and accepted": {true, verdict.Replayed},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t, faults{reusable: tc.reusable})
			cfg := p.config()
			cfg.Memory, cfg.Refresh = memory.New(), target.Refresh{ReuseGrace: time.Minute}
			started := time.Now()
			for _, run := range []struct {
				after time.Duration
				tried bool
			}{{0, false}, {30 * time.Second, false}, {5 * time.Minute, true}, {6 * time.Minute, false}} {
				now := started.Add(run.after)
				cfg.Now, p.faults.now = func() time.Time { return now }, func() time.Time { return now }
				result := runNamed(t, cfg, "refresh")
				last := result.Steps[len(result.Steps)-1]
				if last.Name != "reuse" || (last.Skipped == "") != run.tried {
					t.Fatalf("after %s the last step is %s, skipped %q: %s", run.after, last.Name, last.Skipped, result.Detail)
				}
				wanted := verdict.OK
				if run.tried {
					wanted = tc.reason
				}
				if result.Reason != wanted {
					t.Errorf("after %s: %s: %s", run.after, result.Reason, result.Detail)
				}
			}
		})
	}
}
