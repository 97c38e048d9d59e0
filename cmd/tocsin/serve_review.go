package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"tocsin/dashboards/console"
	"tocsin/internal/journal"
	"tocsin/visual"
	"tocsin/visual/baseline"
)

// reviews shows the pictures of pages to the console, and lets people decide
// about them. What it knows comes from the journal.
type reviews struct {
	events   *journal.Journal
	stateDir string
	target   string
	// store is where the configuration in force keeps baselines.
	store func() *baseline.Store

	mu   sync.Mutex
	seq  map[string]int64
	seen map[string]*standing
}

// standing is what is known of one check.
type standing struct {
	latest visual.Result
	// pictured is the newest result with pictures: of most that pass none are kept.
	pictured  visual.Result
	decisions []console.PastDecision
}

// reviewedFor is how long a check is shown that is not made any more.
const reviewedFor = 31 * 24 * time.Hour

func newReviews(events *journal.Journal, stateDir, target string, store func() *baseline.Store) *reviews {
	return &reviews{events: events, stateDir: stateDir, target: target, store: store, seq: map[string]int64{}, seen: map[string]*standing{}}
}

// catchUp reads what was recorded since the last time.
func (r *reviews) catchUp(ctx context.Context) error {
	for kind, take := range map[string]func(json.RawMessage) error{
		journal.KindVisualCheck: r.takeCheck, journal.KindVisualApproved: r.takeApproval, journal.KindVisualRejected: r.takeRejection,
	} {
		query := journal.Query{Kind: kind, AfterSeq: r.seq[kind]}
		if query.AfterSeq == 0 {
			query.Newest, query.Limit = true, remembered
		}
		recorded, err := r.events.Read(ctx, query)
		if err != nil {
			return err
		}
		if query.Newest {
			slices.Reverse(recorded)
		}
		for _, event := range recorded {
			if err := take(event.Payload); err != nil {
				return fmt.Errorf("read %s of run %s: %w", kind, event.RunID, err)
			}
			r.seq[kind] = event.Seq
		}
	}
	return nil
}

func (r *reviews) of(check string) *standing {
	if r.seen[check] == nil {
		r.seen[check] = &standing{}
	}
	return r.seen[check]
}

// takeCheck leaves out records from before checks had names of their own.
func (r *reviews) takeCheck(payload json.RawMessage) error {
	var result visual.Result
	if err := json.Unmarshal(payload, &result); err != nil || result.Target != r.target || result.Check == "" {
		return err
	}
	known := r.of(result.Check)
	known.latest = result
	if result.Files.Actual != "" {
		known.pictured = result
	}
	return nil
}

func (r *reviews) takeApproval(payload json.RawMessage) error {
	var approval visual.Approval
	if err := json.Unmarshal(payload, &approval); err != nil || approval.Target != r.target || approval.Check == "" {
		return err
	}
	known := r.of(approval.Check)
	known.decisions = append(known.decisions, console.PastDecision{
		Action: console.Approved, By: approval.ApprovedBy, At: approval.ApprovedAt, Reason: approval.Reason, RunID: approval.RunID, SHA256: approval.SHA256,
	})
	return nil
}

func (r *reviews) takeRejection(payload json.RawMessage) error {
	var rejection visual.Rejection
	if err := json.Unmarshal(payload, &rejection); err != nil || rejection.Target != r.target || rejection.Check == "" {
		return err
	}
	known := r.of(rejection.Check)
	known.decisions = append(known.decisions, console.PastDecision{
		Action: console.Rejected, By: rejection.RejectedBy, At: rejection.RejectedAt, Reason: rejection.Reason, RunID: rejection.RunID,
		SHA256: rejection.SHA256, Fingerprint: rejection.Fingerprint,
	})
	return nil
}

// Pictures implements console.Reviews.
func (r *reviews) Pictures(ctx context.Context) ([]console.Picture, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.catchUp(ctx); err != nil {
		return nil, err
	}
	all := make([]console.Picture, 0, len(r.seen))
	for _, known := range r.seen {
		if time.Since(known.latest.Started) < reviewedFor {
			all = append(all, r.picture(known))
		}
	}
	return all, nil
}

// Picture implements console.Reviews.
func (r *reviews) Picture(ctx context.Context, name string) (*console.Picture, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.catchUp(ctx); err != nil {
		return nil, err
	}
	known := r.seen[name]
	if known == nil || known.latest.Started.IsZero() {
		return nil, fmt.Errorf("%w: %s", console.ErrNoPicture, name)
	}
	shown := r.picture(known)
	return &shown, nil
}

func (r *reviews) picture(known *standing) console.Picture {
	result := known.latest
	shown := console.Picture{
		Name: result.Check, Verdict: result.Verdict, Reason: result.Reason, Detail: result.Detail, At: result.Started, RunID: result.RunID,
		URL: result.URL, SHA256: result.ActualSHA256, Fingerprint: result.Fingerprint, Percent: result.Percent, ChangedPixels: result.ChangedPixels,
		Width: result.Width, Height: result.Height, Accessibility: result.Barriers, Memory: result.Memory,
		ApprovedBy: result.ApprovedBy, ApprovedAt: result.ApprovedAt, Approvable: result.Approvable, History: slices.Clone(known.decisions),
	}
	for _, box := range result.Boxes {
		shown.Regions = append(shown.Regions, console.Region(box))
	}
	for _, change := range result.Changes {
		shown.Changes = append(shown.Changes, change.Sentence)
	}
	if result.OmittedChanges > 0 {
		shown.Changes = append(shown.Changes, fmt.Sprintf("%d more changes", result.OmittedChanges))
	}
	for _, past := range known.decisions {
		if past.Action == console.Approved && past.At.Equal(result.ApprovedAt) {
			shown.ApprovedReason = past.Reason
		}
	}
	files := result.Files
	if files.Actual == "" && known.pictured.ActualSHA256 == result.ActualSHA256 {
		files = known.pictured.Files
		shown.RunID = known.pictured.RunID
	}
	shown.Baseline, shown.Actual, shown.Difference = r.address(files.Baseline), r.address(files.Actual), r.address(files.Difference)
	return shown
}

// address is where the console has a file of a run; empty for none.
func (r *reviews) address(path string) string {
	runs, err := filepath.Abs(filepath.Join(r.stateDir, "runs"))
	if err != nil || path == "" {
		return ""
	}
	below, err := filepath.Rel(runs, path)
	if err != nil || strings.HasPrefix(below, "..") {
		return ""
	}
	return "/runs/" + filepath.ToSlash(below)
}

// Decide implements console.Reviews: the decision is in the journal first, as one
// on the command line is.
func (r *reviews) Decide(ctx context.Context, decision console.Decision) error {
	newest, err := r.Picture(ctx, decision.Picture)
	if err != nil {
		return err
	}
	if newest.SHA256 != decision.SHA256 {
		return fmt.Errorf("%w: %s", console.ErrNewerPicture, decision.Picture)
	}
	proposal, err := visual.ProposalFrom(r.stateDir, decision.RunID, r.target, decision.Picture)
	if err != nil {
		return fmt.Errorf("%w: %w", console.ErrUndecidable, err)
	}
	if proposal.Result.ActualSHA256 != decision.SHA256 {
		return fmt.Errorf("%w: %s", console.ErrNewerPicture, decision.Picture)
	}
	if decision.Approve {
		approval, err := proposal.Approval(ctx, r.store(), decision.By, decision.Reason, time.Now())
		if err != nil {
			return fmt.Errorf("%w: %w", console.ErrUndecidable, err)
		}
		return record(ctx, r.events, journal.KindVisualApproved, proposal, approval, func() error { return proposal.Approve(ctx, r.store(), approval) })
	}
	rejection, err := proposal.Rejection(decision.By, decision.Reason, time.Now())
	if err != nil {
		return fmt.Errorf("%w: %w", console.ErrUndecidable, err)
	}
	return record(ctx, r.events, journal.KindVisualRejected, proposal, rejection, func() error { return proposal.Reject(ctx, r.store(), rejection) })
}

// decides reports whether people may decide at a console that listens at an
// address: everybody who reaches it could.
func decides(address string, hosts []string) (bool, error) {
	if len(hosts) > 0 {
		return true, nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false, fmt.Errorf("listen at %s: %w", address, err)
	}
	parsed := net.ParseIP(host)
	return host == "localhost" || parsed != nil && parsed.IsLoopback(), nil
}
