package visual

import (
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
}

// ProposalFrom reads what a check saw: from is the id of its run, or the path
// of its folder or of a file in it. The picture must be the one that the check
// took, and one of the page itself.
func ProposalFrom(stateDir, from, targetName, page string) (*Proposal, error) {
	folder, err := checkFolder(stateDir, from, page)
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
	if result.Target != targetName || result.Page != page {
		return nil, fmt.Errorf("check in %s is of page %q of target %q, not of %q of %q", folder, result.Page, result.Target, page, targetName)
	}
	if !result.Approvable {
		return nil, fmt.Errorf("check in %s has no picture of the page to approve: %s", folder, result.Reason)
	}
	if proposal.PNG, err = os.ReadFile(filepath.Join(folder, actualFile)); err != nil {
		return nil, fmt.Errorf("read picture to approve: %w", err)
	}
	if baseline.Hash(proposal.PNG) != result.ActualSHA256 {
		return nil, fmt.Errorf("%s is not the picture that the check took", filepath.Join(folder, actualFile))
	}
	return &proposal, nil
}

func checkFolder(stateDir, from, page string) (string, error) {
	if !strings.ContainsRune(from, filepath.Separator) {
		folder := evidenceFolder(stateDir, from, page)
		if _, err := os.Stat(folder); err == nil {
			return folder, nil
		}
	}
	info, err := os.Stat(from)
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%q is neither a run with a check of page %s nor a file", from, page)
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
	Page       string    `json:"page"`
	RunID      string    `json:"run_id"`
	SHA256     string    `json:"sha256"`
	ApprovedBy string    `json:"approved_by"`
	ApprovedAt time.Time `json:"approved_at"`
	Reason     string    `json:"reason"`
	File       string    `json:"file"`
}

// Rejection is the record of a picture that a person called a defect.
type Rejection struct {
	Target      string    `json:"target"`
	Page        string    `json:"page"`
	RunID       string    `json:"run_id"`
	SHA256      string    `json:"sha256"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	RejectedBy  string    `json:"rejected_by"`
	RejectedAt  time.Time `json:"rejected_at"`
	Reason      string    `json:"reason"`
}

// firstPicture is the reason for approving a page that has no baseline yet.
const firstPicture = "first picture of the page"

// Approval returns the record of approving the proposal into a folder of baselines,
// before it is done: it is to be in the journal first. A baseline is replaced only
// with a reason.
func (p *Proposal) Approval(baselines, approver, reason string, at time.Time) (Approval, error) {
	if approver == "" {
		return Approval{}, errors.New("approve page: nobody is named as approver: name yourself with --as")
	}
	store := baseline.NewStore(baselines)
	approved, err := store.Load(p.Result.Target, p.Result.Page)
	switch {
	case errors.Is(err, baseline.ErrNone) && reason == "":
		reason = firstPicture
	case err == nil && approved.SHA256 == p.Result.ActualSHA256 && reason == "":
		reason = "looks as before"
	case reason == "":
		return Approval{}, fmt.Errorf("approve page: %s has a baseline already: say with --reason why it looks different now", p.Result.Page)
	}
	if _, err := compare.DecodePNG(p.PNG, compare.MaxPixels); err != nil {
		return Approval{}, fmt.Errorf("approve page: %w", err)
	}
	return Approval{
		Target: p.Result.Target, Page: p.Result.Page, RunID: p.Result.RunID, SHA256: p.Result.ActualSHA256,
		ApprovedBy: approver, ApprovedAt: at.UTC(), Reason: reason, File: store.Path(p.Result.Target, p.Result.Page),
	}, nil
}

// Approve makes the proposal the baseline, as approval says, and adds to its history.
func (p *Proposal) Approve(baselines string, approval Approval) error {
	store := baseline.NewStore(baselines)
	decision := p.decision(baseline.Approved, approval.ApprovedBy, approval.Reason, approval.ApprovedAt)
	if before, err := store.Load(approval.Target, approval.Page); err == nil {
		decision.Replaced = before.SHA256
	}
	if err := store.Record(approval.Target, approval.Page, decision); err != nil {
		return err
	}
	return store.Save(&baseline.Baseline{
		Target: approval.Target, Page: approval.Page, URL: p.Result.URL, Environment: p.Result.Environment,
		ApprovedAt: approval.ApprovedAt, ApprovedBy: approval.ApprovedBy, RunID: approval.RunID, PNG: p.PNG,
	})
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
		Target: p.Result.Target, Page: p.Result.Page, RunID: p.Result.RunID, SHA256: p.Result.ActualSHA256,
		Fingerprint: p.Result.Fingerprint, RejectedBy: by, RejectedAt: at.UTC(), Reason: reason,
	}, nil
}

// Reject adds a rejection to the history of the page; its baseline stays.
func (p *Proposal) Reject(baselines string, rejection Rejection) error {
	return baseline.NewStore(baselines).Record(rejection.Target, rejection.Page,
		p.decision(baseline.Rejected, rejection.RejectedBy, rejection.Reason, rejection.RejectedAt))
}

func (p *Proposal) decision(action baseline.Action, by, reason string, at time.Time) baseline.Decision {
	return baseline.Decision{
		Action: action, By: by, At: at, Reason: reason, RunID: p.Result.RunID, SHA256: p.Result.ActualSHA256,
		Fingerprint: p.Result.Fingerprint, Metric: p.Result.Environment.Metric,
	}
}
