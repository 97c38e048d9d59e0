package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/alerts/pager"
	"tocsin/chaos"
	"tocsin/internal/journal"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/scenarios"
	"tocsin/scenarios/catalog"
	"tocsin/scenarios/engine"
	"tocsin/scenarios/ledger"
	"tocsin/scenarios/load"
	"tocsin/scenarios/spec"
)

// world is a system of three zones in the memory of a test, good in every
// respect until a test spoils one.
type world struct {
	mu       sync.Mutex
	brokenAt time.Time
	healedAt time.Time
	fault    chaos.Fault
	expires  time.Time
	events   []string

	copies      map[string]float64
	visual      verdict.Verdict
	alertAfter  time.Duration
	alerts      []pager.Receipt
	pagerErr    error
	failover    time.Duration
	effectless  bool
	allDark     bool
	dead        bool
	neverHeals  bool
	injectErr   error
	revertErr   error
	loadErr     error
	journalFull string
	lost        int
	unread      int
	failShare   bool
	silent      bool
}

func healthy() *world {
	return &world{
		copies: map[string]float64{"postgres": 2, "redis": 3}, visual: verdict.Pass,
		alertAfter: 11 * time.Second, failover: 6 * time.Second,
	}
}

func (w *world) broken() bool { return !w.brokenAt.IsZero() && w.healedAt.IsZero() }

func (w *world) Names() []string { return []string{"login", "discovery", "zone-a", "zone-b", "zone-c"} }

func (w *world) Run(ctx context.Context, name string) probes.Result {
	w.mu.Lock()
	defer w.mu.Unlock()
	result := probes.Result{Probe: name, Verdict: verdict.Pass, Reason: verdict.OK, Detail: "worked"}
	dark := w.broken() && !w.effectless && (name == "zone-"+w.fault.Zone || w.allDark)
	stuck := w.neverHeals && !w.brokenAt.IsZero() && name == "zone-"+w.fault.Zone
	if w.dead && name == "login" || dark || stuck {
		result.Verdict, result.FailedStep, result.Detail = verdict.Fail, "connect", "connection refused"
	}
	if ctx.Err() != nil {
		result.Verdict, result.Detail = verdict.Unknown, "we were stopped"
	}
	return result
}

func (w *world) Query(_ context.Context, query string) ([]engine.Sample, error) {
	for dependency, copies := range w.copies {
		if strings.Contains(query, dependency) {
			return []engine.Sample{{Value: copies}}, nil
		}
	}
	return nil, nil
}

func (w *world) Check(context.Context, string) engine.Look {
	return engine.Look{Verdict: w.visual, Reason: "compared", Measured: "some"}
}

func (w *world) Ready(context.Context) error { return w.pagerErr }

func (w *world) Received(_ context.Context, since time.Time) ([]pager.Receipt, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	alerts := w.alerts
	if rings := w.brokenAt.Add(w.alertAfter); w.alertAfter > 0 && !w.brokenAt.IsZero() && time.Now().After(rings) && rings.After(since) {
		alerts = append(alerts, pager.Receipt{
			Name: "ZoneDown", Status: "firing", Severity: "critical", Labels: map[string]string{"zone": w.fault.Zone},
			RunbookURL: "https://localhost/ZoneDown.md", StartsAt: rings.Add(-2 * time.Second), ReceivedAt: rings,
		})
	}
	return alerts, nil
}

func (w *world) Inject(_ context.Context, fault chaos.Fault, ttl time.Duration, _ string) (chaos.Injection, error) {
	if w.injectErr != nil {
		return chaos.Injection{}, w.injectErr
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.brokenAt, w.fault, w.expires = time.Now(), fault, time.Now().Add(ttl)
	return w.injection(), nil
}

func (w *world) injection() chaos.Injection {
	injection := chaos.Injection{ID: "f1", Fault: w.fault, State: chaos.InForce, Targets: []string{w.fault.Zone + "/etcd"}, Injected: w.brokenAt}
	if !w.broken() {
		injection.State, injection.EndedBy = chaos.Reverted, chaos.EndedByHolder
	}
	return injection
}

func (w *world) Renew(_ context.Context, _ string, ttl time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expires = time.Now().Add(ttl)
	return nil
}

func (w *world) Status(context.Context, string) (chaos.Injection, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.injection(), nil
}

func (w *world) Revert(context.Context, string) (chaos.Injection, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.revertErr != nil {
		return chaos.Injection{}, w.revertErr
	}
	if w.broken() {
		w.healedAt = time.Now()
	}
	return w.injection(), nil
}

// people are the load: one login every 1/rate seconds; those that meet the
// failover wait until it is over.
type people struct{ *world }

func (p people) Run(ctx context.Context, plan load.Plan, observe func(load.Login)) (load.End, error) {
	if p.loadErr != nil {
		return load.End{}, p.loadErr
	}
	var logins sync.WaitGroup
	var mu sync.Mutex
	ticks := time.NewTicker(time.Second / time.Duration(plan.Rate))
	defer ticks.Stop()
	for n := range plan.Asked() {
		if !p.silent {
			logins.Go(func() {
				login := p.login(ctx, n)
				mu.Lock()
				defer mu.Unlock()
				observe(login)
			})
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			logins.Wait()
			return load.End{Stopped: true}, nil
		}
	}
	logins.Wait()
	return load.End{Iterations: plan.Asked()}, nil
}

func (p people) login(ctx context.Context, n int) load.Login {
	login := load.Login{N: n, Start: time.Now(), OK: true}
	p.mu.Lock()
	pause := 100 * time.Millisecond
	if p.broken() {
		if rest := time.Until(p.brokenAt.Add(p.failover)); rest > 0 {
			login.Problems = []load.Problem{{At: time.Now(), Kind: load.Status5, Step: "consent", Status: 503}}
			login.ProblemsTotal, login.Waits = 1, 1
			pause += rest
		}
		if p.failShare {
			login.OK, login.GaveUp, pause = false, "no success in 30 s", time.Second
		}
	}
	p.mu.Unlock()
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
	login.End = time.Now()
	if login.OK {
		login.GrantID, login.GrantAcked = fmt.Sprintf("g%d", n), login.End
		login.Code, login.CodeVerifier, login.CodeRedeemed = fmt.Sprintf("secret-code-%d", n), "secret-verifier", login.End
	}
	return login
}

// auditor keeps everything but what the world has lost.
type auditor struct{ *world }

func (a auditor) Audit(_ context.Context, entries []ledger.Entry, _ time.Duration) (ledger.Audit, error) {
	audit := ledger.Audit{Written: len(entries), Lost: []ledger.Breach{}, Doubled: []ledger.Breach{}, Unknown: a.unread}
	for _, entry := range entries {
		if entry.Kind == ledger.Grant {
			audit.Grants++
		} else {
			audit.Codes++
		}
	}
	for range a.lost {
		audit.Lost = append(audit.Lost, ledger.Breach{Kind: ledger.Grant, ID: "g1"})
	}
	audit.Kept = audit.Written - a.lost - a.unread
	return audit, nil
}

// AppendValue records kinds and payloads, and takes none of the kind that the
// disk has no room for.
func (w *world) AppendValue(ctx context.Context, kind, _, _ string, value any) (journal.Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if kind == w.journalFull {
		return journal.Event{}, errors.New("disk is full")
	}
	payload, err := json.Marshal(value)
	if err != nil {
		return journal.Event{}, err
	}
	w.events = append(w.events, kind+" "+string(payload))
	return journal.Event{}, ctx.Err()
}

func (w *world) kinds() string {
	kinds := make([]string, 0, len(w.events))
	for _, event := range w.events {
		kind, _, _ := strings.Cut(event, " ")
		kinds = append(kinds, kind)
	}
	return strings.Join(kinds, ",")
}

func perform(ctx context.Context, t *testing.T, w *world) scenarios.Outcome {
	t.Helper()
	return performNamed(ctx, t, w, "zone-loss")
}

func performNamed(ctx context.Context, t *testing.T, w *world, name string) scenarios.Outcome {
	t.Helper()
	file, data, err := catalog.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	scenario, parameters, err := spec.Parse(file, data, map[string]string{"zone": "b"})
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Config{
		Target: "test", Prober: w, Querier: w, Visual: w, Pager: w, Injector: w,
		Load: people{w}, Auditor: auditor{w}, Journal: w,
	})
	if err != nil {
		t.Fatal(err)
	}
	outcome, err := e.Run(ctx, scenario, parameters, "run-1")
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

// lines lists the lines of a verdict that are v.
func lines(outcome scenarios.Outcome, v verdict.Verdict) string {
	var names []string
	for _, line := range outcome.Expectations {
		if line.Verdict == v {
			names = append(names, line.Name)
		}
	}
	return strings.Join(names, "; ")
}
