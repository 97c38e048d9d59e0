package visual

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tocsin/visual/baseline"
	"tocsin/visual/compare"
)

// Proposal is a picture that somebody may approve as the baseline.
type Proposal struct {
	Result Result
	PNG    []byte
	// page is what was on the page, and barriers what axe-core found there; nil
	// where it is not known.
	page, barriers []byte
}

// Seen are the names of the checks that a run left pictures of.
func Seen(stateDir, runID string) ([]string, error) {
	entries, err := os.ReadDir(Folder(stateDir, runID))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%q is no run with visual checks: tocsin visual check names it", runID)
	}
	if err != nil {
		return nil, fmt.Errorf("look for checks of run: %w", err)
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, nil
}

// ProposalFrom reads what a check saw: from is the id of its run, or the path
// of its folder or of a file in it. The picture must be the one that the check
// took, and one of the page itself.
func ProposalFrom(stateDir, from, targetName, name string) (*Proposal, error) {
	folder, err := checkFolder(stateDir, from, name)
	if err != nil {
		return nil, err
	}
	encoded, err := os.ReadFile(filepath.Join(folder, resultFile))
	if err != nil {
		return nil, fmt.Errorf("read check to approve: %w", err)
	}
	var proposal Proposal
	if err := json.Unmarshal(encoded, &proposal.Result); err != nil {
		return nil, fmt.Errorf("read check to approve: %s: %w", filepath.Join(folder, resultFile), err)
	}
	result := &proposal.Result
	if result.Target != targetName || result.Check != name {
		return nil, fmt.Errorf("check in %s is %q of target %q, not %q of %q", folder, result.Check, result.Target, name, targetName)
	}
	if !result.Approvable {
		return nil, fmt.Errorf("check in %s has no picture of the page to approve: %s", folder, result.Detail)
	}
	if proposal.PNG, err = os.ReadFile(filepath.Join(folder, actualFile)); err != nil {
		return nil, fmt.Errorf("read picture to approve: %w", err)
	}
	if baseline.Hash(proposal.PNG) != result.ActualSHA256 {
		return nil, fmt.Errorf("%s is not the picture that the check took", filepath.Join(folder, actualFile))
	}
	for _, part := range []struct {
		name    string
		content *[]byte
	}{{pageFile, &proposal.page}, {barriersFile, &proposal.barriers}} {
		if *part.content, err = os.ReadFile(filepath.Join(folder, part.name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("read picture to approve: %w", err)
		}
	}
	return &proposal, nil
}

func checkFolder(stateDir, from, name string) (string, error) {
	if !strings.ContainsRune(from, filepath.Separator) {
		folder := filepath.Join(Folder(stateDir, from), name)
		if _, err := os.Stat(folder); err == nil {
			return folder, nil
		}
	}
	info, err := os.Stat(from)
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%q is neither a run with a check %s nor a file", from, name)
	}
	if err != nil {
		return "", fmt.Errorf("look for check to approve: %w", err)
	}
	if info.IsDir() {
		return from, nil
	}
	return filepath.Dir(from), nil
}

// Approval is the record of an approved baseline.
type Approval struct {
	Target     string    `json:"target"`
	Check      string    `json:"check"`
	RunID      string    `json:"run_id"`
	SHA256     string    `json:"sha256"`
	ApprovedBy string    `json:"approved_by"`
	ApprovedAt time.Time `json:"approved_at"`
	Reason     string    `json:"reason"`
	// Replaced is the hash of the baseline before; empty where there is none.
	Replaced string `json:"replaced,omitempty"`
	File     string `json:"file"`
	// Findings is how many findings about accessibility are approved with it.
	Findings int `json:"accessibility_findings"`
}

// Rejection is the record of a picture that a person called a defect.
type Rejection struct {
	Target      string    `json:"target"`
	Check       string    `json:"check"`
	RunID       string    `json:"run_id"`
	SHA256      string    `json:"sha256"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	RejectedBy  string    `json:"rejected_by"`
	RejectedAt  time.Time `json:"rejected_at"`
	Reason      string    `json:"reason"`
}

// firstPicture is the reason for approving a page that has no baseline yet.
const firstPicture = "first picture of the page"

// Approval returns the record of approving the proposal into a store,
// before it is done: it is to be in the journal first. A baseline is replaced only
// with a reason.
func (p *Proposal) Approval(ctx context.Context, store *baseline.Store, approver, reason string, at time.Time) (Approval, error) {
	if approver == "" {
		return Approval{}, errors.New("approve page: nobody is named as approver: name yourself with --as")
	}
	approved, err := store.Load(ctx, p.Result.Target, p.Result.Check)
	var replaced string
	switch {
	case err == nil && approved.SHA256 != p.Result.BaselineSHA256 && approved.SHA256 != p.Result.ActualSHA256:
		return Approval{}, fmt.Errorf("approve page: %s approved another picture of %s since this one was compared: check it again", approved.ApprovedBy, p.Result.Check)
	case err == nil:
		replaced = approved.SHA256
	case !errors.Is(err, baseline.ErrNone) && !errors.Is(err, baseline.ErrDamaged):
		return Approval{}, fmt.Errorf("approve page: %w", err)
	}
	switch {
	case errors.Is(err, baseline.ErrNone) && reason == "":
		reason = firstPicture
	case err == nil && approved.SHA256 == p.Result.ActualSHA256 && reason == "":
		reason = "looks as before"
	case reason == "":
		return Approval{}, fmt.Errorf("approve page: %s has a baseline already: say with --reason why it looks different now", p.Result.Check)
	}
	if _, err := compare.DecodePNG(p.PNG, compare.MaxPixels); err != nil {
		return Approval{}, fmt.Errorf("approve page: %w", err)
	}
	return Approval{
		Target: p.Result.Target, Check: p.Result.Check, RunID: p.Result.RunID, SHA256: p.Result.ActualSHA256,
		ApprovedBy: approver, ApprovedAt: at.UTC(), Reason: reason, Replaced: replaced, File: store.Where(p.Result.Target, p.Result.Check, p.Result.ActualSHA256),
		Findings: p.Result.Findings,
	}, nil
}

// Approve makes the proposal the baseline, as approval says, and adds to its history.
func (p *Proposal) Approve(ctx context.Context, store *baseline.Store, approval Approval) error {
	decision := p.decision(baseline.Approved, approval.ApprovedBy, approval.Reason, approval.ApprovedAt)
	decision.Replaced = approval.Replaced
	return store.Approve(ctx, &baseline.Baseline{
		Target: approval.Target, Name: approval.Check, URL: p.Result.URL, Environment: p.Result.Environment,
		ApprovedAt: approval.ApprovedAt, ApprovedBy: approval.ApprovedBy, RunID: approval.RunID, PNG: p.PNG, Page: p.page, Accessibility: p.barriers,
	}, decision)
}

// Rejection returns the record of rejecting the proposal, before it is done.
func (p *Proposal) Rejection(by, reason string, at time.Time) (Rejection, error) {
	switch {
	case by == "":
		return Rejection{}, errors.New("reject picture: nobody is named: name yourself with --as")
	case reason == "":
		return Rejection{}, errors.New("reject picture: say with --reason what is wrong with it")
	}
	return Rejection{
		Target: p.Result.Target, Check: p.Result.Check, RunID: p.Result.RunID, SHA256: p.Result.ActualSHA256,
		Fingerprint: p.Result.Fingerprint, RejectedBy: by, RejectedAt: at.UTC(), Reason: reason,
	}, nil
}

// Reject adds a rejection to the history of the page; its baseline stays.
func (p *Proposal) Reject(ctx context.Context, store *baseline.Store, rejection Rejection) error {
	return store.Record(ctx, rejection.Target, rejection.Check,
		p.decision(baseline.Rejected, rejection.RejectedBy, rejection.Reason, rejection.RejectedAt))
}

func (p *Proposal) decision(action baseline.Action, by, reason string, at time.Time) baseline.Decision {
	return baseline.Decision{
		Action: action, By: by, At: at, Reason: reason, RunID: p.Result.RunID, SHA256: p.Result.ActualSHA256,
		Fingerprint: p.Result.Fingerprint, Metric: p.Result.Environment.Metric,
	}
}
