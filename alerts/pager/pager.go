// Package pager is the receipt that the bell was heard: the webhook to which
// Alertmanager sends, and the record of what arrived in the journal. It wakes
// nobody and decides nothing about what it received.
package pager

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"tocsin/internal/journal"
)

// Path is where Tocsin serves the receiver.
const Path = "/pager/webhook"

// MaxBody bounds one notification, in bytes.
const MaxBody = 1 << 20

// LabelDrill is on alerts that a drill has sent; its value is the drill's run id.
const LabelDrill = "drill"

// Statuses of a receipt.
const (
	Firing   = "firing"
	Resolved = "resolved"
)

// Receipt is one alert that arrived, as the payload of an alert.received event.
// Alertmanager delivers at least once: the same alert may arrive again.
type Receipt struct {
	Name        string            `json:"name"`
	Status      string            `json:"status"`
	Severity    string            `json:"severity"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	RunbookURL  string            `json:"runbook_url"`
	StartsAt    time.Time         `json:"starts_at"`
	ReceivedAt  time.Time         `json:"received_at"`
	Receiver    string            `json:"receiver"`
	Fingerprint string            `json:"fingerprint"`
}

// Firing reports whether the receipt tells that something began, not that it
// ended.
func (r Receipt) Firing() bool { return r.Status != Resolved }

// Recorder is what the receiver needs of the journal: a call that returns
// without an error has put the event on disk.
type Recorder interface {
	AppendValue(ctx context.Context, kind, runID, traceID string, value any) (journal.Event, error)
}

type receiver struct {
	journal Recorder
	log     *slog.Logger
}

// NewReceiver returns the handler of Alertmanager's webhook, version 4. It
// answers 200 only when every alert of the notification is in the journal, and
// 503 when the journal refuses, upon which Alertmanager tries again.
func NewReceiver(journal Recorder, log *slog.Logger) http.Handler {
	return &receiver{journal: journal, log: log}
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	received := time.Now().UTC()
	if request.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "this address takes notifications by POST", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, MaxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		http.Error(w, fmt.Sprintf("a notification has at most %d bytes", MaxBody), http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, "read notification: "+err.Error(), http.StatusBadRequest)
		return
	}
	receipts, err := Parse(body, received)
	if err != nil {
		r.log.WarnContext(request.Context(), "pager refused a notification", "error", err, "from", request.RemoteAddr)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, receipt := range receipts {
		_, err := r.journal.AppendValue(request.Context(), journal.KindAlertReceived, receipt.Labels[LabelDrill], "", receipt)
		if err != nil {
			r.log.ErrorContext(request.Context(), "pager could not record an alert", "alert", receipt.Name, "error", err)
			w.Header().Set("Retry-After", "1")
			http.Error(w, "the journal refused the alert; send it again", http.StatusServiceUnavailable)
			return
		}
	}
	w.WriteHeader(http.StatusOK)
}

// notification is Alertmanager's webhook message, version 4. Alertmanager adds
// fields between releases, so unknown ones are allowed.
type notification struct {
	Version  string  `json:"version"`
	Receiver string  `json:"receiver"`
	Alerts   []alert `json:"alerts"`
}

type alert struct {
	Status      string            `json:"status"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	Fingerprint string            `json:"fingerprint"`
}

// Parse reads a notification into one receipt for each of its alerts.
func Parse(body []byte, received time.Time) ([]Receipt, error) {
	var message notification
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&message); err != nil {
		return nil, fmt.Errorf("notification is not JSON of Alertmanager's webhook: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("notification has something behind its JSON")
	}
	if message.Version != "4" {
		return nil, fmt.Errorf("notification has version %q; version 4 of Alertmanager's webhook is understood", message.Version)
	}
	if len(message.Alerts) == 0 {
		return nil, errors.New("notification holds no alert")
	}
	receipts := make([]Receipt, 0, len(message.Alerts))
	for i, alert := range message.Alerts {
		if alert.Status != Firing && alert.Status != Resolved {
			return nil, fmt.Errorf("alert %d has status %q, neither firing nor resolved", i, alert.Status)
		}
		receipts = append(receipts, Receipt{
			Name:        alert.Labels["alertname"],
			Status:      alert.Status,
			Severity:    alert.Labels["severity"],
			Labels:      alert.Labels,
			Annotations: alert.Annotations,
			RunbookURL:  alert.Annotations["runbook_url"],
			StartsAt:    alert.StartsAt,
			ReceivedAt:  received,
			Receiver:    message.Receiver,
			Fingerprint: alert.Fingerprint,
		})
	}
	return receipts, nil
}
