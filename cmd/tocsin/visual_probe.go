package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tocsin/internal/journal"
	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/plan"
	"tocsin/visual"
	"tocsin/visual/checks"
	"tocsin/visual/metrics"
)

// gallery is what the probes of pages have in common.
type gallery struct {
	stateDir string
	events   *journal.Journal
	latest   *metrics.Latest
	// turn is taken while a browser runs: one is enough for this machine.
	turn chan struct{}
	// kept is when the pictures of a check that passed were kept. Who has the turn
	// may use it.
	kept map[string]time.Time
}

// passKept is how often the pictures of a check that passes are kept, so that
// there is something to see.
const passKept = 24 * time.Hour

// newGallery makes a gallery. Its probes run once events is set.
func newGallery(stateDir string) *gallery {
	return &gallery{stateDir: stateDir, latest: metrics.NewLatest(), turn: make(chan struct{}, 1), kept: map[string]time.Time{}}
}

// pagePrefix is in front of the names of probes that look at pages.
const pagePrefix = "visual-"

// pageProbe looks at one page in all the ways of its checks. As a probe, it has
// schedule, history, windows of maintenance and metrics as any other.
type pageProbe struct {
	gallery *gallery
	views   *views // of this page only
	page    string
}

// entries are the probes of all pages, of which those without an interval are
// only run by hand.
func (g *gallery) entries(seen *views, taken []plan.Entry) ([]plan.Entry, error) {
	var entries []plan.Entry
	for _, page := range checks.Pages(seen.shots) {
		shots, err := checks.Chosen(seen.shots, []string{page})
		if err != nil {
			return nil, err
		}
		probe := &pageProbe{gallery: g, page: page, views: &views{target: seen.target, store: seen.store, shots: shots}}
		if slices.ContainsFunc(taken, func(e plan.Entry) bool { return e.Probe.Name() == probe.Name() }) {
			return nil, usageError(fmt.Errorf("the plan has a check %q, which is the name of the probe of the page %q: rename one of them", probe.Name(), page))
		}
		sum := sha256.Sum256(fmt.Appendf(nil, "%v", shots))
		entry := plan.Entry{Probe: probe, Interval: shots[0].Interval, Overlap: 1, Version: hex.EncodeToString(sum[:16])}
		if entry.Interval == 0 {
			entry.Interval, entry.Off = plan.DefaultInterval, true
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

func (p *pageProbe) Name() string { return pagePrefix + p.page }

func (p *pageProbe) About() string {
	if len(p.views.shots) == 1 {
		return "the page " + p.page + " looks as approved"
	}
	return fmt.Sprintf("the page %s looks as approved, in %d pictures", p.page, len(p.views.shots))
}

// Run looks at the page in a browser of its own.
func (p *pageProbe) Run(ctx context.Context) probes.Result {
	started := time.Now()
	result := probes.Result{
		Probe: p.Name(), Target: p.views.target.Name, RunID: telemetry.RunID(), Started: started.UTC(), Attempts: 1,
		Figures: map[string]float64{},
	}
	trace := telemetry.NewTrace()
	result.TraceID = trace.TraceID
	p.look(ctx, &result, trace)
	result.MS = float64(time.Since(started).Microseconds()) / 1000
	return result
}

func (p *pageProbe) look(ctx context.Context, result *probes.Result, trace telemetry.Trace) {
	select {
	case p.gallery.turn <- struct{}{}:
		defer func() { <-p.gallery.turn }()
	case <-ctx.Done():
		result.End(verdict.Stopped, "the run was stopped from our side while other pages were looked at")
		return
	}
	looker, err := p.views.looker(p.gallery.stateDir)
	if err != nil {
		result.End(verdict.Internal, plainError(err).Error())
		return
	}
	p.conclude(result, p.lookAll(ctx, looker, result, trace))
	// What was found counts for more than how the browser ended.
	if err := looker.Close(); err != nil && result.Verdict.Good() {
		result.End(verdict.OwnBrowser, err.Error())
	}
}

// lookAll makes the checks of the page, a step each.
func (p *pageProbe) lookAll(ctx context.Context, looker *visual.Looker, result *probes.Result, trace telemetry.Trace) (seen []visual.Result) {
	g := p.gallery
	for _, shot := range p.views.shots {
		one, err := lookAndRecord(ctx, looker, g.events, visual.Look{
			Shot: shot, RunID: result.RunID, Trace: trace, KeepPass: time.Since(g.kept[shot.Name]) >= passKept,
		})
		if err != nil {
			// The run itself is recorded once the journal takes it.
			one.Detail += fmt.Sprintf(" (not on record for review: %v)", err)
		}
		seen = append(seen, one)
		if one.Reason == verdict.Stopped {
			return seen
		}
		g.latest.Set(p.Name(), one)
		if one.Files.Actual != "" {
			g.kept[shot.Name] = time.Now()
		}
	}
	return seen
}

// lookAndRecord makes a check and puts it into the journal: in brief, where it
// passed and its pictures are not kept. A check that was stopped is none.
func lookAndRecord(ctx context.Context, looker *visual.Looker, events *journal.Journal, look visual.Look) (visual.Result, error) {
	look.Earlier = earlierChecks(events, looker.Target(), look.Shot.Name)
	one := looker.Check(ctx, look)
	if one.Reason == verdict.Stopped {
		return one, nil
	}
	if one.Verdict == verdict.Pass && !look.KeepPass {
		one = one.Brief()
	}
	_, err := events.AppendValue(context.WithoutCancel(ctx), journal.KindVisualCheck, one.RunID, one.TraceID, one)
	return one, err
}

// conclude sums up the checks: the worst of them says why.
func (p *pageProbe) conclude(result *probes.Result, seen []visual.Result) {
	verdicts := make([]verdict.Verdict, 0, len(seen))
	worst, changed := 0.0, 0
	for _, one := range seen {
		verdicts = append(verdicts, one.Verdict)
		step := probes.Step{Name: one.Check, MS: one.MS, Status: one.Status, Started: one.Started}
		if !one.Verdict.Good() {
			step.Error = one.Detail
		}
		for _, change := range one.Changes {
			step.Notes = append(step.Notes, change.Sentence)
		}
		step.Notes = append(step.Notes, one.Barriers...)
		result.Steps = append(result.Steps, step)
		result.Attempts = max(result.Attempts, one.Attempts)
		worst, changed = max(worst, one.Percent), max(changed, one.ChangedPixels)
	}
	result.Figures["difference_ratio"], result.Figures["changed_pixels"] = worst/100, float64(changed)
	whole := verdict.Combine(verdicts...)
	first := slices.IndexFunc(seen, func(one visual.Result) bool { return one.Verdict == whole })
	if first < 0 {
		result.End(verdict.NoData, "no picture was taken")
		return
	}
	detail := seen[first].Detail
	if len(seen) > 1 {
		detail = fmt.Sprintf("%s: %s", seen[first].Check, detail)
		if more := count(verdicts, whole) - 1; more > 0 {
			detail += fmt.Sprintf(" (and %d more of %d pictures are %s)", more, len(seen), whole)
		}
	}
	result.End(seen[first].Reason, detail)
	if !whole.Good() {
		result.FailedStep = seen[first].Check
		result.Artifacts = pictures(seen[first].Files)
	}
}

// pictures are those that a check left, for the evidence of its run. One that is
// gone already is left out.
func pictures(files visual.Files) (all []probes.Artifact) {
	for _, path := range []string{files.Baseline, files.Actual, files.Difference} {
		if path == "" {
			continue
		}
		if data, err := os.ReadFile(path); err == nil {
			all = append(all, probes.Artifact{Name: filepath.Base(path), MediaType: "image/png", Data: data})
		}
	}
	return all
}

func count(verdicts []verdict.Verdict, wanted verdict.Verdict) (n int) {
	for _, v := range verdicts {
		if v == wanted {
			n++
		}
	}
	return n
}
