package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tocsin/scenarios/load"
	"tocsin/scenarios/spec"
)

// firstLoginWithin bounds the start of the load program.
const firstLoginWithin = 45 * time.Second

// consentRounds is how often everybody is asked who does not consent at once: a
// busy machine drops a login now and then.
const consentRounds = 3

// loading is a load that runs.
type loading struct {
	cancel context.CancelFunc
	done   chan struct{}
	end    load.End
	err    error
}

func (r *run) startLoad(ctx context.Context) *loading {
	running, cancel := context.WithCancel(ctx)
	l := &loading{cancel: cancel, done: make(chan struct{})}
	r.say("%d logins/s for %s", r.facts.Plan.Rate, r.facts.Plan.Duration)
	go func() {
		defer close(l.done)
		defer cancel()
		l.end, l.err = r.Load.Run(running, r.facts.Plan, r.observe)
	}()
	return l
}

// gatherConsents makes everybody of a load of returning people log in once, and
// says what was wrong with that. These logins count nowhere.
func (r *run) gatherConsents(ctx context.Context) (problem string) {
	plan := r.facts.Plan
	if plan.Returning == 0 {
		return ""
	}
	r.phase("consents")
	seconds := (plan.Returning + plan.Rate - 1) / plan.Rate
	plan.Duration = time.Duration(seconds) * time.Second
	r.say("%d people give their consent", plan.Returning)
	consented := map[int]bool{}
	for range consentRounds {
		_, err := r.Load.Run(ctx, plan, func(login load.Login) {
			if login.OK {
				consented[login.N%plan.Returning] = true
			}
		})
		if err != nil {
			return "people could not be made to consent first: " + err.Error()
		}
		if len(consented) == plan.Returning {
			return ""
		}
	}
	return fmt.Sprintf("only %d of %d people could give their consent first", len(consented), plan.Returning)
}

// observe writes down what a login was told. The ledger takes every
// acknowledgement, also of a login that failed later.
func (r *run) observe(login load.Login) {
	if login.GrantID != "" {
		r.ledger.AddGrant(login.GrantID, login.GrantAcked)
	}
	if login.Code != "" && !login.CodeRedeemed.IsZero() {
		r.ledger.AddCode(login.Code, login.CodeVerifier, login.CodeRedeemed)
	}
	r.record.add(login)
}

// waitForLoad returns when the first login has ended.
func (r *run) waitForLoad(ctx context.Context, l *loading) error {
	limit := time.NewTimer(firstLoginWithin)
	defer limit.Stop()
	select {
	case <-r.record.first:
		return nil
	case <-l.done:
		if l.err != nil {
			return l.err
		}
		return errors.New("the load ended without one login")
	case <-limit.C:
		return fmt.Errorf("no login ended within %s of the start of the load", firstLoginWithin)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// finishLoad waits for the last login and keeps what the program said.
func (r *run) finishLoad(l *loading) {
	<-l.done
	if l.err != nil {
		r.facts.LoadProblem = l.err.Error()
		return
	}
	end := l.end
	r.facts.End = &end
	if end.Stopped {
		r.facts.LoadProblem = "the load was stopped before its end"
	}
}

// watch follows the load every second: it shows it, looks for alerts, and ends
// the experiment when a stop condition is met or the load dies.
func (r *run) watch(ctx context.Context, l *loading, stop context.CancelCauseFunc) {
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.done:
			if l.err != nil {
				stop(fmt.Errorf("the load died: %w", l.err))
			}
			return
		case now := <-ticks.C:
			r.tick(now)
			if reason := met(r.scenario.Stop, r.record, now); reason != "" {
				stop(fmt.Errorf("%w: %s", errStop, reason))
				return
			}
		}
	}
}

func (r *run) tick(now time.Time) {
	last := r.record.since(now.Add(-time.Second))
	r.Progress(Progress{
		Phase: r.record.phaseName(), Logins: last.total, Failed: last.totalFailed,
		Problems: last.problems, Succeeded: last.succeeded,
	})
}

// met names the stop condition that holds now, or nothing.
func met(conditions []spec.Stop, record *recorder, now time.Time) string {
	begun := record.begun()
	for _, condition := range conditions {
		switch {
		case condition.FailedLogins != nil:
			limit := *condition.FailedLogins
			w := record.since(now.Add(-limit.For))
			if w.ended > 0 && now.Sub(begun) >= limit.For && float64(w.failed) > limit.Above*float64(w.ended) {
				return fmt.Sprintf("%d of %d logins that ended in the last %s failed", w.failed, w.ended, limit.For)
			}
		case condition.NoLogin != nil:
			silence := condition.NoLogin.For
			w := record.since(now)
			if w.total > 0 && now.Sub(w.lastSuccess) >= silence {
				return fmt.Sprintf("no login has succeeded for %s", silence)
			}
		}
	}
	return ""
}
