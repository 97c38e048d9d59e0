package pager_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/alerts/pager"
	"tocsin/internal/journal"
)

// message is what Alertmanager 0.25 sent for one zone that went down and one
// that came back.
const message = `{"receiver":"tocsin-pager","status":"firing","alerts":[
{"status":"firing","labels":{"alertname":"ZoneDown","severity":"critical","zone":"a"},"annotations":{"runbook_url":"http://127.0.0.1:9464/runbooks/ZoneDown","summary":"Nothing in a zone answers."},"startsAt":"2025-11-21T18:00:00.5Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://p/graph","fingerprint":"29edc6c2b5c42ac6"},
{"status":"resolved","labels":{"alertname":"ZoneDown","severity":"critical","zone":"b","drill":"r1"},"annotations":{},"startsAt":"2025-11-21T17:00:00Z","endsAt":"2025-11-21T17:30:00Z","generatorURL":"","fingerprint":"39edc6c2b5c42ac6"}],
"groupLabels":{"alertname":"ZoneDown"},"commonLabels":{},"commonAnnotations":{},"externalURL":"http://a","version":"4","groupKey":"{}:{}","truncatedAlerts":0}`

func post(t *testing.T, handler http.Handler, body string) *httptest.ResponseRecorder {
	t.Helper()
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodPost, pager.Path, strings.NewReader(body)))
	return recorder
}

func TestEveryAlertOfANotificationIsInTheJournalBeforeItIsAcknowledged(t *testing.T) {
	opened, err := journal.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	sent := time.Now()
	if got := post(t, pager.NewReceiver(opened, slog.New(slog.DiscardHandler)), message); got.Code != http.StatusOK {
		t.Fatalf("answered %d: %s", got.Code, got.Body)
	}
	events, err := opened.Read(t.Context(), journal.Query{Kind: journal.KindAlertReceived})
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != 2 {
		t.Fatalf("%d events, want 2", len(events))
	}
	var first pager.Receipt
	if err := json.Unmarshal(events[0].Payload, &first); err != nil {
		t.Fatal(err)
	}
	if first.ReceivedAt.Before(sent) || first.ReceivedAt.After(time.Now()) {
		t.Errorf("received at %s, outside of the test", first.ReceivedAt)
	}
	first.ReceivedAt = time.Time{}
	want := pager.Receipt{
		Name: "ZoneDown", Status: pager.Firing, Severity: "critical",
		Labels:      map[string]string{"alertname": "ZoneDown", "severity": "critical", "zone": "a"},
		Annotations: map[string]string{"runbook_url": "http://127.0.0.1:9464/runbooks/ZoneDown", "summary": "Nothing in a zone answers."},
		RunbookURL:  "http://127.0.0.1:9464/runbooks/ZoneDown",
		StartsAt:    time.Date(2025, 11, 21, 18, 0, 0, 500_000_000, time.UTC),
		Receiver:    "tocsin-pager", Fingerprint: "29edc6c2b5c42ac6",
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("receipt (-want +got):\n%s", diff)
	}
	if events[0].RunID != "" || events[1].RunID != "r1" {
		t.Errorf("run ids %q and %q, want that of the drill on the second alone", events[0].RunID, events[1].RunID)
	}
}

// full refuses every event, as a journal on a full disk does.
type full struct{ asked int }

func (f *full) AppendValue(context.Context, string, string, string, any) (journal.Event, error) {
	f.asked++
	return journal.Event{}, errors.New("no space left on device")
}

func TestAnAlertThatTheJournalRefusesIsSentAgain(t *testing.T) {
	refusing := &full{}
	got := post(t, pager.NewReceiver(refusing, slog.New(slog.DiscardHandler)), message)
	if got.Code != http.StatusServiceUnavailable || got.Header().Get("Retry-After") == "" {
		t.Errorf("answered %d, Retry-After %q; want 503 with one", got.Code, got.Header().Get("Retry-After"))
	}
	if refusing.asked != 1 {
		t.Errorf("asked the journal %d times, want once", refusing.asked)
	}
}

func TestWhatIsNoNotificationIsRefusedAndNotRecorded(t *testing.T) {
	cases := map[string]struct {
		body string
		want int
	}{
		"nothing":                      {"", http.StatusBadRequest},
		"no JSON":                      {"bell", http.StatusBadRequest},
		"another version":              {strings.Replace(message, `"version":"4"`, `"version":"3"`, 1), http.StatusBadRequest},
		"no alert":                     {`{"version":"4","alerts":[]}`, http.StatusBadRequest},
		"an alert of unknown status":   {strings.Replace(message, `"resolved"`, `"maybe"`, 1), http.StatusBadRequest},
		"two notifications in one":     {message + message, http.StatusBadRequest},
		"more than a pager would read": {`{"version":"4","pad":"` + strings.Repeat("x", pager.MaxBody) + `"}`, http.StatusRequestEntityTooLarge},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			untouched := &full{}
			got := post(t, pager.NewReceiver(untouched, slog.New(slog.DiscardHandler)), c.body)
			if got.Code != c.want || untouched.asked != 0 {
				t.Errorf("answered %d and recorded %d, want %d and nothing", got.Code, untouched.asked, c.want)
			}
		})
	}
}

func TestOnlyPostIsTaken(t *testing.T) {
	recorder := httptest.NewRecorder()
	pager.NewReceiver(&full{}, slog.New(slog.DiscardHandler)).ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, pager.Path, nil))
	if recorder.Code != http.StatusMethodNotAllowed || recorder.Header().Get("Allow") != http.MethodPost {
		t.Errorf("answered %d, Allow %q", recorder.Code, recorder.Header().Get("Allow"))
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(message))
	f.Add([]byte(`{"version":"4","alerts":[{"status":"firing","labels":null}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		receipts, err := pager.Parse(body, time.Unix(0, 0))
		if (err == nil) != (len(receipts) > 0) {
			t.Errorf("%d receipts with error %v", len(receipts), err)
		}
		for _, receipt := range receipts {
			if _, err := json.Marshal(receipt); err != nil {
				t.Errorf("receipt cannot be recorded: %v", err)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := pager.Parse([]byte(message), time.Unix(0, 0)); err != nil {
			b.Fatal(err)
		}
	}
}
