package outage_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/goleak"

	"tocsin/internal/journal"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/outage"
	"tocsin/probes/quorum"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const interval = 10 * time.Second

// world is a watch over a real journal, whose clock the test turns.
type world struct {
	t       *testing.T
	journal *journal.Journal
	metrics *prometheus.Registry
	watch   *outage.Watch
	now     time.Time
	refuses atomic.Bool
}

func (w *world) AppendValue(ctx context.Context, kind, runID, traceID string, value any) (journal.Event, error) {
	if w.refuses.Load() {
		return journal.Event{}, errors.New("disk full")
	}
	return w.journal.AppendValue(ctx, kind, runID, traceID, value)
}

func (w *world) AppendAll(ctx context.Context, events []journal.Event) ([]journal.Event, error) {
	if w.refuses.Load() {
		return nil, errors.New("disk full")
	}
	return w.journal.AppendAll(ctx, events)
}

func (w *world) Read(ctx context.Context, query journal.Query) ([]journal.Event, error) {
	return w.journal.Read(ctx, query)
}

func begin(t *testing.T) *world {
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
	w := &world{t: t, journal: events, now: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)}
	w.restart()
	return w
}

func (w *world) restart() {
	w.t.Helper()
	w.metrics = prometheus.NewRegistry()
	watch, err := outage.New(w.t.Context(), outage.Config{
		Quorum: quorum.Config{Agree: 2, Checkpoints: []string{"a", "b", "c"}}, Target: "staging", Local: "a",
		Journal: w, Registry: w.metrics, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.now },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.watch = watch
}

func (w *world) cast(name string, reason verdict.Reason) {
	w.now = w.now.Add(time.Second)
	result := probes.Result{Probe: "login", Target: "staging", RunID: name + w.now.String(), Started: w.now, FailedStep: "token"}
	result.End(reason, "said")
	w.watch.Cast(name, result, w.now, w.now, interval)
}

// flush lets the watch record what it has to.
func (w *world) flush() {
	ended, end := context.WithCancel(w.t.Context())
	end()
	w.watch.Run(ended)
}

func (w *world) recorded() []string {
	w.t.Helper()
	events, err := w.journal.Read(w.t.Context(), journal.Query{})
	if err != nil {
		w.t.Fatal(err)
	}
	var all []string
	for _, event := range events {
		all = append(all, event.Kind)
	}
	return all
}

func (w *world) shows(lines ...string) {
	w.t.Helper()
	recorder := httptest.NewRecorder()
	promhttp.HandlerFor(w.metrics, promhttp.HandlerOpts{}).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range lines {
		present := strings.Contains(recorder.Body.String(), strings.TrimPrefix(line, "!"))
		if present == strings.HasPrefix(line, "!") {
			w.t.Errorf("want %s in\n%s", line, recorder.Body.String())
		}
	}
}

func TestAnOutageIsRecordedShownAndOutlivesARestart(t *testing.T) {
	w := begin(t)
	w.cast("a", verdict.OK)
	w.shows("!\ntocsin_outage{", `tocsin_quorum_decided{probe="login"} 0`, `tocsin_quorum_voters{probe="login",vote="up"} 1`)
	w.cast("b", verdict.OK)
	w.shows(`tocsin_outage{probe="login"} 0`, `tocsin_quorum_voters{probe="login",vote="silent"} 1`)
	w.cast("a", verdict.Timeout)
	w.cast("b", verdict.Timeout)
	w.flush()
	w.restart()
	w.shows(`tocsin_outage{probe="login"} 1`, `tocsin_quorum_decided{probe="login"} 0`)
	w.cast("a", verdict.OK)
	w.cast("c", verdict.OK)
	w.flush()
	w.shows(`tocsin_outage{probe="login"} 0`)
	if got, want := w.recorded(), []string{journal.KindOutageDeclared, journal.KindOutageEnded}; !slices.Equal(got, want) {
		t.Errorf("recorded %v, want %v", got, want)
	}
	w.restart()
	w.shows("!\ntocsin_outage{")
}

func TestAnotherQuorumKeepsVotesAndOutages(t *testing.T) {
	w := begin(t)
	w.cast("a", verdict.Timeout)
	w.cast("b", verdict.Timeout)
	w.flush()
	use := func(agree int, checkpoints []string, probes ...string) {
		t.Helper()
		if err := w.watch.Use(t.Context(), quorum.Config{Agree: agree, Checkpoints: checkpoints}, probes); err != nil {
			t.Fatal(err)
		}
	}
	use(1, []string{"a", "b"}, "login")
	w.shows(`tocsin_outage{probe="login"} 1`, `tocsin_quorum_voters{probe="login",vote="down"} 2`, `tocsin_quorum_voters{probe="login",vote="silent"} 0`)
	use(1, []string{"a", "b"}, "jwks")
	w.cast("a", verdict.OK)
	w.shows("!probe=\"login\"")
	use(0, nil)
	w.cast("a", verdict.OK)
	w.shows("!tocsin_quorum")
	use(2, []string{"a", "b"}, "login")
	w.shows(`tocsin_outage{probe="login"} 1`, `tocsin_quorum_decided{probe="login"} 0`)
	w.cast("a", verdict.OK)
	w.cast("b", verdict.OK)
	w.flush()
	w.shows(`tocsin_outage{probe="login"} 0`)
	if got := w.recorded(); !slices.Equal(got, []string{journal.KindOutageDeclared, journal.KindOutageEnded}) {
		t.Errorf("recorded %q", got)
	}
}

func TestWhoIsAloneIsShown(t *testing.T) {
	w := begin(t)
	w.cast("b", verdict.Timeout)
	w.cast("a", verdict.OK)
	w.cast("c", verdict.OK)
	w.flush()
	w.shows(`tocsin_checkpoint_alone{checkpoint="b",probe="login"} 1`, `tocsin_outage{probe="login"} 0`)
	if got := w.recorded(); !slices.Equal(got, []string{journal.KindCheckpointAlone}) {
		t.Errorf("recorded %v", got)
	}
}

func TestAJournalThatRefusesLosesNoChange(t *testing.T) {
	w := begin(t)
	w.refuses.Store(true)
	w.cast("a", verdict.Timeout)
	w.cast("b", verdict.Timeout)
	w.flush()
	w.cast("c", verdict.Timeout)
	w.flush()
	w.refuses.Store(false)
	w.flush()
	if got, want := w.recorded(), []string{journal.KindOutageDeclared, journal.KindOutageConfirmed}; !slices.Equal(got, want) {
		t.Errorf("recorded %v, want %v", got, want)
	}
}

func TestTheLocalScheduleVotesOnceItsResultIsRecorded(t *testing.T) {
	w := begin(t)
	recorder := outage.Recorder{Journal: w, Interval: func(string) time.Duration { return interval }, Watch: w.watch}
	result := probes.Result{Probe: "login", Target: "staging", Started: w.now}
	result.End(verdict.Timeout, "no answer")
	payload, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	events := []journal.Event{{Kind: journal.KindProbeRun, RunID: "r", Payload: payload}}
	w.refuses.Store(true)
	if _, err := recorder.AppendAll(t.Context(), events); err == nil || len(w.watch.Standings()) > 0 {
		t.Fatalf("voted before it was recorded: %v", err)
	}
	w.refuses.Store(false)
	if _, err := recorder.AppendAll(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	w.shows(`tocsin_quorum_voters{probe="login",vote="down"} 1`)
	other := result
	other.Target = "another"
	w.watch.Cast("b", other, w.now, w.now, interval)
	w.shows(`tocsin_quorum_voters{probe="login",vote="down"} 1`)
}
