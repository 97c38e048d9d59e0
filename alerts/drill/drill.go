// Package drill tests the bell end to end: it hands Alertmanager an alert that
// is plainly marked as a drill and waits until the pager's receipt is in the
// journal. It never touches Prometheus, and it ends the alert that it began.
package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"tocsin/alerts/pager"
	"tocsin/internal/journal"
	"tocsin/internal/verdict"
)

// AlertName is the name of the drill's alert; it has a runbook like any other.
const AlertName = "BellDrill"

const (
	poll        = 100 * time.Millisecond
	callTimeout = 10 * time.Second
	// lifetime ends the alert by itself when the drill is killed.
	lifetime = 2 * time.Minute
)

// Reader is what a drill needs of the journal.
type Reader interface {
	Read(ctx context.Context, query journal.Query) ([]journal.Event, error)
}

// Drill is one test of the bell.
type Drill struct {
	AlertmanagerURL string
	Client          *http.Client
	Journal         Reader
	// RunID marks the alert, so that its receipt is told from every other.
	RunID string
	// Deadline is how long the alert may take to the pager.
	Deadline   time.Duration
	RunbookURL string
}

// Result is what a drill found. Took is from handing over the alert to its
// receipt, 0 when there is none.
type Result struct {
	Verdict verdict.Verdict `json:"verdict"`
	Reason  string          `json:"reason"`
	RunID   string          `json:"run_id"`
	Took    time.Duration   `json:"took_ns"`
	Receipt *pager.Receipt  `json:"receipt,omitempty"`
}

// Run rings the bell once. That Alertmanager or the journal cannot be asked is
// unknown: nothing was learned about the bell.
func (d Drill) Run(ctx context.Context) Result {
	started := time.Now()
	if err := d.post(ctx, started.Add(lifetime)); err != nil {
		return d.unknown(fmt.Errorf("hand the drill to Alertmanager: %w", err))
	}
	receipt, err := d.await(ctx, started)
	result := d.assess(receipt, err)
	if receipt != nil {
		result.Took = receipt.ReceivedAt.Sub(started)
	}
	// Ending it is a courtesy to whoever looks at Alertmanager; it ends by
	// itself after lifetime.
	if err := d.post(context.WithoutCancel(ctx), time.Now()); err != nil {
		result.Reason += fmt.Sprintf(" (the drill's alert could not be ended and stays for %s: %v)", lifetime, err)
	}
	return result
}

func (d Drill) assess(receipt *pager.Receipt, err error) Result {
	switch {
	case err != nil:
		return d.unknown(fmt.Errorf("read the pager's receipts: %w", err))
	case receipt == nil:
		return Result{
			Verdict: verdict.Fail, RunID: d.RunID,
			Reason: fmt.Sprintf("Alertmanager took the alert, but it did not reach the pager within %s", d.Deadline),
		}
	default:
		return Result{Verdict: verdict.Pass, RunID: d.RunID, Reason: "the alert reached the pager", Receipt: receipt}
	}
}

func (d Drill) unknown(err error) Result {
	return Result{Verdict: verdict.Unknown, RunID: d.RunID, Reason: err.Error()}
}

// postable is an alert of Alertmanager's API, version 2.
type postable struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	EndsAt      time.Time         `json:"endsAt"`
}

func (d Drill) post(ctx context.Context, ends time.Time) (err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	body, err := json.Marshal([]postable{{
		Labels: map[string]string{"alertname": AlertName, "severity": "none", pager.LabelDrill: d.RunID},
		Annotations: map[string]string{
			"summary":     "[DRILL] Test of the bell.",
			"description": "[DRILL] Somebody tests whether alerts arrive. Nothing is broken and nothing is to be done.",
			"runbook_url": d.RunbookURL,
		},
		EndsAt: ends.UTC(),
	}})
	if err != nil {
		return fmt.Errorf("encode alert: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(d.AlertmanagerURL, "/")+"/api/v2/alerts", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := d.Client.Do(request)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		answer, readErr := io.ReadAll(io.LimitReader(response.Body, 512))
		return errors.Join(fmt.Errorf("%s: %s", response.Status, bytes.TrimSpace(answer)), readErr)
	}
	return nil
}

// await polls the journal, which another process writes, until the receipt is
// there or the deadline has passed; then it returns nil.
func (d Drill) await(ctx context.Context, started time.Time) (*pager.Receipt, error) {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		receipt, err := d.receipt(ctx)
		if receipt != nil || err != nil {
			return receipt, err
		}
		if time.Since(started) > d.Deadline {
			return nil, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ticker.C:
		}
	}
}

func (d Drill) receipt(ctx context.Context) (*pager.Receipt, error) {
	events, err := d.Journal.Read(ctx, journal.Query{Kind: journal.KindAlertReceived, RunID: d.RunID})
	if err != nil {
		return nil, err
	}
	for _, event := range events {
		var receipt pager.Receipt
		if err := json.Unmarshal(event.Payload, &receipt); err != nil {
			return nil, fmt.Errorf("receipt %d in the journal: %w", event.Seq, err)
		}
		if receipt.Status == pager.Firing {
			return &receipt, nil
		}
	}
	return nil, nil
}
