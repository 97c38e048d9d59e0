package drill_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/alerts"
	"tocsin/alerts/drill"
	"tocsin/alerts/internal/realtest"
	"tocsin/alerts/pager"
	"tocsin/alerts/route"
	"tocsin/internal/journal"
	"tocsin/internal/verdict"
)

// bell is a real Alertmanager that sends to webhook, and a journal.
func bell(t *testing.T, webhook func(*journal.Journal) http.Handler) drill.Drill {
	t.Helper()
	opened, err := journal.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	receiver := httptest.NewServer(webhook(opened))
	t.Cleanup(receiver.Close)

	config, err := route.New(route.Pager{WebhookURL: receiver.URL + pager.Path}, alerts.Watchdog)
	if err != nil {
		t.Fatal(err)
	}
	text, err := config.YAML()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "alertmanager.yml")
	realtest.Write(t, file, string(text))
	return drill.Drill{
		AlertmanagerURL: realtest.Alertmanager(t, file), Client: http.DefaultClient, Journal: opened,
		RunID: "run-1", Deadline: 15 * time.Second, RunbookURL: "http://127.0.0.1:9464/runbooks/BellDrill",
	}
}

func TestADrillThatArrivesPassesAndSaysHowLongItTook(t *testing.T) {
	rung := bell(t, func(opened *journal.Journal) http.Handler {
		return pager.NewReceiver(opened, slog.New(slog.DiscardHandler))
	})
	result := rung.Run(t.Context())
	if result.Verdict != verdict.Pass || result.Receipt == nil {
		t.Fatalf("got %+v", result)
	}
	if result.Took <= 0 || result.Took > rung.Deadline {
		t.Errorf("took %s", result.Took)
	}
	if !strings.HasPrefix(result.Receipt.Annotations["summary"], "[DRILL]") || result.Receipt.RunbookURL != rung.RunbookURL {
		t.Errorf("the receipt does not say that it is a drill: %+v", result.Receipt)
	}
}

func TestADrillThatIsLostOnTheWayFails(t *testing.T) {
	rung := bell(t, func(*journal.Journal) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	})
	rung.Deadline = 2 * time.Second
	if result := rung.Run(t.Context()); result.Verdict != verdict.Fail || !strings.Contains(result.Reason, "did not reach the pager within 2s") {
		t.Errorf("got %+v", result)
	}
}

func TestADrillWithoutAlertmanagerIsUnknown(t *testing.T) {
	result := drill.Drill{AlertmanagerURL: "http://127.0.0.1:9", Client: http.DefaultClient, RunID: "run-1", Deadline: time.Second}.Run(t.Context())
	if result.Verdict != verdict.Unknown {
		t.Errorf("got %+v", result)
	}
}
