package parts_test

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/alerts/pager"
	"tocsin/internal/journal"
	"tocsin/scenarios/parts"
)

func opened(t *testing.T) *journal.Journal {
	t.Helper()
	events, err := journal.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := events.Close(); err != nil {
			t.Error(err)
		}
	})
	return events
}

func TestThePagerReadsWhatTheReceiverWrote(t *testing.T) {
	events := opened(t)
	p := parts.Pager{Journal: events}
	write := func(receipt pager.Receipt) {
		if _, err := events.AppendValue(t.Context(), journal.KindAlertReceived, "", "", receipt); err != nil {
			t.Fatal(err)
		}
	}
	write(pager.Receipt{Name: "Earlier"})
	since := time.Now()
	write(pager.Receipt{
		Name: "ZoneDown", Status: pager.Firing, Severity: "critical", Labels: map[string]string{"zone": "b"},
		RunbookURL: "https://x", StartsAt: since, ReceivedAt: since.Add(time.Second),
	})
	alerts, err := p.Received(t.Context(), since)
	if err != nil || len(alerts) != 1 {
		t.Fatalf("alerts %+v, %v", alerts, err)
	}
	got := alerts[0]
	if got.Name != "ZoneDown" || !got.Firing() || got.Severity != "critical" || got.Labels["zone"] != "b" || got.RunbookURL != "https://x" || !got.ReceivedAt.Equal(since.Add(time.Second)) {
		t.Errorf("alert %+v", got)
	}
}

func TestAPagerThatNobodyServesIsNotReady(t *testing.T) {
	events := opened(t)
	p := parts.Pager{Journal: events}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started := map[string]string{"listen": listener.Addr().String()}
	if _, err := events.AppendValue(t.Context(), journal.KindConsoleStarted, "", "", started); err != nil {
		t.Fatal(err)
	}
	if err := p.Ready(t.Context()); err != nil {
		t.Errorf("somebody listens, but: %v", err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "tocsin serve") {
		t.Errorf("nobody listens: %v", err)
	}
}
