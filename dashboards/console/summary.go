package console

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tocsin/internal/verdict"
)

// Summary is everything the console shows, and the JSON of /api/v1/summary.
type Summary struct {
	Time        time.Time           `json:"time"`
	Target      string              `json:"target"`
	Issuer      string              `json:"issuer"`
	Headline    Headline            `json:"headline"`
	Faults      []FaultInForce      `json:"faults"`
	Probes      []ProbeSummary      `json:"probes"`
	Failures    []FailureSummary    `json:"failures"`
	Scenarios   []ScenarioSummary   `json:"scenarios"`
	Receipts    []ReceiptSummary    `json:"receipts"`
	Checkpoints []CheckpointSummary `json:"checkpoints,omitempty"`
	// Votes are those of checkpoints on each probe, and Changes what came of them.
	Votes      []VoteSummary      `json:"votes,omitempty"`
	Changes    []ChangeSummary    `json:"changes,omitempty"`
	Heartbeats []HeartbeatSummary `json:"heartbeats,omitempty"`
	// Config is nil before anything is known of it.
	Config *ConfigSummary `json:"config,omitempty"`
	// Visual is nil where no pages are pictured.
	Visual *VisualSummary `json:"visual,omitempty"`
}

// ConfigSummary is what became of the files of target and plan.
type ConfigSummary struct {
	// InForce is when the configuration was read that holds now, and Cause why.
	InForce time.Time `json:"in_force"`
	Cause   string    `json:"cause"`
	Added   []string  `json:"added,omitempty"`
	Removed []string  `json:"removed,omitempty"`
	Changed []string  `json:"changed,omitempty"`
	// Refused is when files were refused since; Problems says why.
	Refused  *time.Time `json:"refused,omitempty"`
	Problems []string   `json:"problems,omitempty"`
}

// Text says it in a line.
func (c ConfigSummary) Text() string {
	var parts []string
	for _, part := range []struct {
		names []string
		what  string
	}{{c.Added, "added"}, {c.Changed, "changed"}, {c.Removed, "removed"}} {
		if len(part.names) > 0 {
			parts = append(parts, part.what+" "+strings.Join(part.names, ", "))
		}
	}
	switch {
	case c.Cause == "start":
		return "read at the start"
	case len(parts) == 0:
		return "read again, nothing changed"
	default:
		return "read again: " + strings.Join(parts, "; ")
	}
}

// Headline answers the question that wakes people.
type Headline struct {
	Verdict verdict.Verdict `json:"verdict"`
	Text    string          `json:"text"`
	Reason  string          `json:"reason"`
}

// ProbeSummary is where one probe stands.
type ProbeSummary struct {
	Probe   string          `json:"probe"`
	Verdict verdict.Verdict `json:"verdict"`
	Step    string          `json:"failed_step"`
	Reason  string          `json:"reason"`
	// AgeSeconds since the last run ended; nil before the first.
	AgeSeconds *float64     `json:"age_seconds"`
	LastMS     float64      `json:"last_ms"`
	MedianMS   float64      `json:"median_ms"`
	MaxMS      float64      `json:"max_ms"`
	Good       int          `json:"good"`
	Bad        int          `json:"bad"`
	Unknown    int          `json:"unknown"`
	Runs       []RunSummary `json:"runs"`
}

// RunSummary is one bar of a sparkline.
type RunSummary struct {
	Time    time.Time       `json:"time"`
	Verdict verdict.Verdict `json:"verdict"`
	MS      float64         `json:"ms"`
	Reason  string          `json:"reason,omitempty"`
}

// FailureSummary is a row of failures of the same kind.
type FailureSummary struct {
	Probe   string          `json:"probe"`
	Verdict verdict.Verdict `json:"verdict"`
	Step    string          `json:"step"`
	Reason  string          `json:"reason"`
	First   time.Time       `json:"first"`
	Last    time.Time       `json:"last"`
	Count   int             `json:"count"`
	RunID   string          `json:"run_id"`
	TraceID string          `json:"trace_id"`
	// Evidence is the address of what the newest of these runs left, if it did.
	Evidence string `json:"evidence,omitempty"`
}

// ScenarioSummary is a scenario; Verdict is empty while it runs.
type ScenarioSummary struct {
	Scenario string          `json:"scenario"`
	Verdict  verdict.Verdict `json:"verdict"`
	Running  bool            `json:"running"`
	Reason   string          `json:"reason"`
	RunID    string          `json:"run_id"`
	Started  time.Time       `json:"started"`
	Seconds  float64         `json:"seconds"`
	Report   string          `json:"report,omitempty"`
}

// ReceiptSummary is an alert that reached the pager.
type ReceiptSummary struct {
	Name     string    `json:"name"`
	Status   string    `json:"status"`
	Severity string    `json:"severity"`
	About    string    `json:"about"`
	Runbook  string    `json:"runbook"`
	Starts   time.Time `json:"starts"`
	Received time.Time `json:"received"`
	// DelaySeconds from the start of the alert to its receipt; nil for a
	// resolved one.
	DelaySeconds *float64 `json:"delay_seconds"`
}

// FaultInForce is a fault that an experiment has put in force.
type FaultInForce struct {
	Kind    string    `json:"kind"`
	Where   string    `json:"where"`
	Since   time.Time `json:"since"`
	RunID   string    `json:"run_id"`
	Targets []string  `json:"targets"`
}

// forgottenAfter is when a fault whose end nobody recorded is taken for over:
// a lease is far shorter.
const forgottenAfter = 15 * time.Minute

func (c *Console) summarise(ctx context.Context, now time.Time) (Summary, error) {
	visual := c.summariseVisual(ctx)
	p := c.projection
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.catchUp(ctx); err != nil {
		return Summary{}, err
	}
	s := Summary{Time: now.UTC(), Target: c.cfg.Target, Issuer: c.cfg.Issuer, Visual: visual}
	for _, name := range c.probeNames() {
		s.Probes = append(s.Probes, summariseProbe(name, p.runs[name], c.cfg.Intervals[name], now))
	}
	s.Headline = headline(s.Probes)
	for _, f := range p.faults {
		if now.Sub(f.Injected) < forgottenAfter {
			s.Faults = append(s.Faults, FaultInForce{Kind: f.Fault.Kind, Where: where(f), Since: f.Injected, RunID: f.RunID, Targets: f.Targets})
		}
	}
	for _, f := range slices.Backward(p.failures) {
		s.Failures = append(s.Failures, FailureSummary{
			Probe: f.Probe, Verdict: f.Verdict, Step: f.FailedStep, Reason: f.Detail, Count: f.Count,
			First: f.First.Started, Last: f.Started, RunID: f.RunID, TraceID: f.TraceID, Evidence: c.evidence(f.Evidence),
		})
	}
	slices.SortStableFunc(s.Failures, func(a, b FailureSummary) int { return b.Last.Compare(a.Last) })
	for _, one := range slices.Backward(p.scenarios) {
		s.Scenarios = append(s.Scenarios, c.summariseScenario(one, now))
	}
	for _, change := range slices.Backward(p.changes) {
		s.Changes = append(s.Changes, ChangeSummary{At: change.At, Kind: change.Kind, Probe: change.Probe, Sentence: change.Sentence})
	}
	s.Config = summariseConfig(p.config, p.inForce)
	for _, arrived := range slices.Backward(p.receipts) {
		s.Receipts = append(s.Receipts, summariseReceipt(arrived))
	}
	return s, c.live(ctx, &s)
}

func summariseConfig(last, inForce configured) *ConfigSummary {
	if last.At.IsZero() {
		return nil
	}
	c := &ConfigSummary{InForce: inForce.At, Cause: inForce.Cause, Added: inForce.Added, Removed: inForce.Removed, Changed: inForce.Changed}
	if !last.Applied {
		c.Refused, c.Problems = &last.At, last.Problems
	}
	return c
}

// evidence is the address of what a run left, as long as it is kept.
func (c *Console) evidence(folder string) string {
	if page := folder + "/index.html"; folder != "" && c.runs.has(page) {
		return "/runs/" + page
	}
	return ""
}

// probeNames are the configured ones, login first: it is what people feel.
func (c *Console) probeNames() []string {
	return slices.SortedFunc(maps.Keys(c.cfg.Intervals), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
	})
}

func rank(probe string) int {
	switch {
	case probe == loginProbe:
		return 0
	case strings.HasPrefix(probe, "zone-"):
		return 1
	default:
		return 2
	}
}

const loginProbe = "login"

func summariseProbe(name string, runs []probeRun, interval time.Duration, now time.Time) ProbeSummary {
	s := ProbeSummary{Probe: name, Verdict: verdict.Unknown, Reason: "no run yet"}
	var measured []float64
	for _, run := range runs {
		s.Runs = append(s.Runs, RunSummary{Time: run.Started, Verdict: run.Verdict, MS: run.latency(), Reason: run.Detail})
		switch {
		case run.Verdict.Good():
			s.Good++
		case run.Verdict == verdict.Fail:
			s.Bad++
		default:
			s.Unknown++
			continue
		}
		measured = append(measured, run.latency())
	}
	if len(measured) > 0 {
		slices.Sort(measured)
		s.MedianMS, s.MaxMS = measured[len(measured)/2], measured[len(measured)-1]
	}
	if len(runs) == 0 {
		return s
	}
	last := runs[len(runs)-1]
	age := now.Sub(last.ended())
	seconds := max(age.Seconds(), 0)
	s.Verdict, s.Reason, s.Step, s.LastMS, s.AgeSeconds = last.Verdict, last.Detail, last.FailedStep, last.latency(), &seconds
	// A verdict that nobody renews says nothing about now.
	if age > staleAfter(interval) {
		s.Verdict, s.Step, s.Reason = verdict.Unknown, "", fmt.Sprintf("no run for %s; the last was %s", brief(age), last.Verdict)
	}
	return s
}

// staleAfter leaves room for the longest run, which is two attempts of ten
// seconds, and for one missed tick.
func staleAfter(interval time.Duration) time.Duration { return 2*interval + 25*time.Second }

func headline(all []ProbeSummary) Headline {
	for _, probe := range all {
		if probe.Probe != loginProbe {
			continue
		}
		h := Headline{Verdict: probe.Verdict, Reason: probe.Reason}
		if probe.Step != "" {
			h.Reason = "At the step " + probe.Step + ": " + probe.Reason
		}
		switch probe.Verdict {
		case verdict.Pass:
			h.Text, h.Reason = "People can log in", ""
		case verdict.PassAfterRetry:
			h.Text = "People can log in, at the second attempt"
		case verdict.Fail:
			h.Text = failing(probe.Runs)
		default:
			h.Text = "It is not known whether people can log in"
		}
		return h
	}
	return Headline{Verdict: verdict.Unknown, Text: "It is not known whether people can log in", Reason: "no login probe is configured"}
}

// failing says no more than was seen: one failed login may be bad luck.
func failing(runs []RunSummary) string {
	inARow := 0
	for _, run := range slices.Backward(runs) {
		if run.Verdict != verdict.Fail {
			break
		}
		inARow++
	}
	if inARow < 2 {
		return "The last login failed"
	}
	return fmt.Sprintf("People cannot log in: %d logins in a row failed", inARow)
}

func (c *Console) summariseScenario(one scenario, now time.Time) ScenarioSummary {
	s := ScenarioSummary{
		Scenario: one.Scenario, Verdict: one.Verdict, Running: one.Running, Reason: one.Reason,
		RunID: one.RunID, Started: one.Started, Seconds: one.Ended.Sub(one.Started).Seconds(),
	}
	for _, name := range slices.Sorted(maps.Keys(one.Parameters)) {
		s.Scenario += fmt.Sprintf(" %s=%s", name, one.Parameters[name])
	}
	if one.Running {
		s.Seconds = now.Sub(one.Started).Seconds()
	}
	if path := one.RunID + "/report.html"; c.runs.has(path) {
		s.Report = "/runs/" + path
	}
	return s
}

func summariseReceipt(arrived receipt) ReceiptSummary {
	s := ReceiptSummary{
		Name: arrived.Name, Status: arrived.Status, Severity: arrived.Severity, Runbook: arrived.RunbookURL,
		About: arrived.Annotations["summary"], Starts: arrived.StartsAt, Received: arrived.ReceivedAt,
	}
	if zone := arrived.Labels["zone"]; zone != "" {
		s.Name += " " + zone
	}
	if arrived.Status == "firing" && !arrived.StartsAt.IsZero() {
		delay := arrived.ReceivedAt.Sub(arrived.StartsAt).Seconds()
		s.DelaySeconds = &delay
	}
	return s
}

func where(f fault) string {
	switch {
	case f.Fault.Zone != "" && f.Fault.Component != "":
		return f.Fault.Component + " of zone " + f.Fault.Zone
	case f.Fault.Zone != "":
		return "zone " + f.Fault.Zone
	default:
		return f.Fault.Component
	}
}

// brief is a duration as people say it.
func brief(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}
