package console

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"tocsin/internal/journal"
)

// How much the console shows.
const (
	shownRuns      = 60
	shownFailures  = 8
	shownScenarios = 8
	shownReceipts  = 10
	shownChanges   = 8
	// replayedRuns is how many runs of probes a restart reads back.
	replayedRuns = 3000
	batch        = 2000
)

// Reader is what the console needs of the journal.
type Reader interface {
	Read(ctx context.Context, query journal.Query) ([]journal.Event, error)
}

// projection is what the console knows, rebuilt from the journal and kept up
// with it.
type projection struct {
	journal Reader
	target  string
	log     *slog.Logger

	mu        sync.Mutex
	ready     bool
	lastSeq   int64
	runs      map[string][]probeRun
	failures  []failure
	scenarios []scenario
	faults    []fault
	receipts  []receipt
	// config is the last attempt to read the files, and inForce the last that
	// worked.
	config, inForce configured
	changes         []agreed
}

// failure is one or more runs in a row of a probe that ended the same way.
type failure struct {
	probeRun
	// First and Count tell how long it has been going on.
	First probeRun
	Count int
}

// scenario is a scenario that ended, or has begun.
type scenario struct {
	scenarioVerdict
	RunID   string
	Running bool
}

// fault is a fault that is in force.
type fault struct {
	faultInjected
	RunID string
}

func newProjection(reader Reader, target string, log *slog.Logger) *projection {
	return &projection{journal: reader, target: target, log: log, runs: make(map[string][]probeRun)}
}

// catchUp reads what was recorded since the last time. The caller holds mu.
func (p *projection) catchUp(ctx context.Context) error {
	if !p.ready {
		if err := p.replay(ctx); err != nil {
			return err
		}
		p.ready = true
	}
	for {
		events, err := p.journal.Read(ctx, journal.Query{AfterSeq: p.lastSeq, Limit: batch})
		if err != nil {
			return fmt.Errorf("follow journal: %w", err)
		}
		for _, event := range events {
			p.apply(event)
		}
		if len(events) < batch {
			return nil
		}
	}
}

// replay reads the newest events of each kind: rare kinds must not be pushed
// out by the many runs of probes.
func (p *projection) replay(ctx context.Context) error {
	var all []journal.Event
	limits := map[string]int{
		journal.KindProbeRun: replayedRuns, journal.KindAlertReceived: shownReceipts,
		journal.KindScenarioStarted: shownScenarios, journal.KindScenarioVerdict: shownScenarios,
		journal.KindFaultInjected: shownScenarios, journal.KindFaultReverted: shownScenarios,
		journal.KindConsoleStarted: 1, journal.KindConfigLoaded: 1, journal.KindConfigRefused: 1,
	}
	for _, kind := range changeKinds() {
		limits[kind] = shownChanges
	}
	for kind, limit := range limits {
		events, err := p.journal.Read(ctx, journal.Query{Kind: kind, Limit: limit, Newest: true})
		if err != nil {
			return fmt.Errorf("replay journal: %w", err)
		}
		all = append(all, events...)
	}
	slices.SortFunc(all, func(a, b journal.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	for _, event := range all {
		p.apply(event)
	}
	return nil
}

// changeKinds are the events about what checkpoints agree on.
func changeKinds() []string {
	return []string{
		journal.KindOutageDeclared, journal.KindOutageConfirmed, journal.KindOutageEnded, journal.KindCheckpointAlone, journal.KindCheckpointJoined,
		journal.KindQuorumLost, journal.KindQuorumRegained,
	}
}

func (p *projection) apply(event journal.Event) {
	p.lastSeq = max(p.lastSeq, event.Seq)
	switch event.Kind {
	case journal.KindProbeRun:
		decode(p, event, p.applyRun)
	case journal.KindScenarioStarted:
		decode(p, event, func(started scenarioStarted) { p.applyStart(event, started) })
	case journal.KindScenarioVerdict:
		decode(p, event, func(ended scenarioVerdict) { p.applyVerdict(event, ended) })
	case journal.KindFaultInjected:
		decode(p, event, func(injected faultInjected) { p.faults = append(p.faults, fault{injected, event.RunID}) })
	case journal.KindFaultReverted:
		decode(p, event, func(reverted faultInjected) {
			p.faults = slices.DeleteFunc(p.faults, func(f fault) bool { return f.ID == reverted.ID })
		})
	case journal.KindConsoleStarted:
		p.applyConfig(configured{Cause: "start", At: event.Time, Applied: true})
	case journal.KindOutageDeclared, journal.KindOutageConfirmed, journal.KindOutageEnded, journal.KindCheckpointAlone,
		journal.KindCheckpointJoined, journal.KindQuorumLost, journal.KindQuorumRegained:
		decode(p, event, func(change agreed) { p.changes = newest(p.changes, change, shownChanges) })
	case journal.KindConfigLoaded, journal.KindConfigRefused:
		decode(p, event, p.applyConfig)
	case journal.KindAlertReceived:
		decode(p, event, func(arrived receipt) { p.receipts = newest(p.receipts, arrived, shownReceipts) })
	}
}

// decode hands a payload on. One that cannot be read is not shown, and said.
func decode[T any](p *projection, event journal.Event, use func(T)) {
	var payload T
	if err := json.Unmarshal(event.Payload, &payload); err != nil {
		p.log.Warn("the console cannot read an event", "seq", event.Seq, "kind", event.Kind, "error", err)
		return
	}
	use(payload)
}

// newest keeps the last items of a list that grows at its end.
func newest[T any](list []T, item T, most int) []T {
	list = append(list, item)
	if len(list) > most {
		list = slices.Delete(list, 0, len(list)-most)
	}
	return list
}

func (p *projection) applyRun(run probeRun) {
	if run.Target != p.target {
		return
	}
	p.runs[run.Probe] = newest(p.runs[run.Probe], run, shownRuns)
	if run.Verdict.Good() {
		return
	}
	for index := range slices.Backward(p.failures) {
		known := &p.failures[index]
		if known.Probe != run.Probe {
			continue
		}
		if known.Verdict == run.Verdict && known.FailedStep == run.FailedStep && !p.passedSince(*known) {
			known.probeRun = run
			known.Count++
			return
		}
		break
	}
	p.failures = newest(p.failures, failure{probeRun: run, First: run, Count: 1}, shownFailures)
}

// passedSince reports whether the probe passed after it failed.
func (p *projection) passedSince(known failure) bool {
	return slices.ContainsFunc(p.runs[known.Probe], func(run probeRun) bool {
		return run.Verdict.Good() && run.Started.After(known.Started)
	})
}

func (p *projection) applyConfig(attempt configured) {
	p.config = attempt
	if attempt.Applied {
		p.inForce = attempt
	}
}

func (p *projection) applyStart(event journal.Event, started scenarioStarted) {
	p.scenarios = newest(p.scenarios, scenario{
		RunID: event.RunID, Running: true,
		scenarioVerdict: scenarioVerdict{Scenario: started.Scenario.Name, Parameters: started.Parameters, Started: event.Time},
	}, shownScenarios)
}

func (p *projection) applyVerdict(event journal.Event, ended scenarioVerdict) {
	p.faults = slices.DeleteFunc(p.faults, func(f fault) bool { return f.RunID == event.RunID })
	finished := scenario{RunID: event.RunID, scenarioVerdict: ended}
	for index, known := range p.scenarios {
		if known.RunID == event.RunID {
			p.scenarios[index] = finished
			return
		}
	}
	p.scenarios = newest(p.scenarios, finished, shownScenarios)
}
