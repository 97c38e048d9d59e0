package reload_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tocsin/internal/journal"
	"tocsin/probes/reload"
	"tocsin/probes/schedule"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is one file and what is in force.
type world struct {
	*reload.Reloader
	metrics *prometheus.Registry

	mu      sync.Mutex
	file    string
	force   string
	applied int
	kinds   []string
	// shown is what the metrics said of success while each was recorded.
	shown []float64
}

func (w *world) AppendValue(_ context.Context, kind, _, _ string, _ any) (journal.Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kinds = append(w.kinds, kind)
	w.shown = append(w.shown, w.successful())
	return journal.Event{}, nil
}

func begin(t *testing.T) *world {
	t.Helper()
	w := &world{file: "good 1", force: "good 1", metrics: prometheus.NewRegistry()}
	var err error
	w.Reloader, err = reload.New(reload.Config{
		Apply: func(context.Context) (schedule.Change, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.applied++
			if !strings.HasPrefix(w.file, "good") {
				return schedule.Change{}, errors.New("plan.yaml:1:1: bad\nplan.yaml:2:1: worse")
			}
			w.force = w.file
			return schedule.Change{Changed: []string{"login"}, Kept: 3}, nil
		},
		Files:    func() []string { return []string{"plan.yaml"} },
		Contents: func(to io.Writer, _ []string) error { _, err := io.WriteString(to, w.contents()); return err },
		Journal:  w, Registry: w.metrics, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) contents() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.file
}

func (w *world) write(file string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.file = file
}

// seen is what is in force, and how often something was to be.
func (w *world) seen() (force string, applied int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.force, w.applied
}

// successful is what the metrics say, NaN if nothing.
func (w *world) successful() float64 {
	families, err := w.metrics.Gather()
	for _, family := range families {
		if err == nil && family.GetName() == "tocsin_config_last_reload_successful" {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return math.NaN()
}

func (w *world) shows(t *testing.T, successful float64) {
	t.Helper()
	if got := w.successful(); got != successful {
		t.Errorf("tocsin_config_last_reload_successful is %v, want %v", got, successful)
	}
}

func TestAChangeIsTakenOverOnceTheFileStaysAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t)
		signals := make(chan os.Signal)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { w.Run(ctx, signals); close(ended) }()
		change := func(file string, wait time.Duration) {
			w.write(file)
			time.Sleep(wait)
			synctest.Wait()
		}
		change("good 1", time.Minute)
		if _, applied := w.seen(); applied != 0 {
			t.Error("a file that is the same was read again")
		}
		change("half wri", 2*time.Second)
		change("good 2", 3*time.Second)
		if _, applied := w.seen(); applied != 0 {
			t.Error("a file was read while it was being written")
		}
		change("good 2", 2*time.Second)
		if force, applied := w.seen(); force != "good 2" || applied != 1 {
			t.Errorf("%q in force after %d attempts", force, applied)
		}
		w.shows(t, 1)
		change("broken", time.Minute)
		if force, applied := w.seen(); force != "good 2" || applied != 2 {
			t.Errorf("%q in force after %d attempts, want the old one and one attempt more", force, applied)
		}
		w.shows(t, 0)
		signals <- syscall.SIGHUP
		synctest.Wait()
		if _, applied := w.seen(); applied != 3 {
			t.Error("a signal did not reload")
		}
		change("good 2", 5*time.Second)
		w.shows(t, 1)
		want := []string{journal.KindConfigLoaded, journal.KindConfigRefused, journal.KindConfigRefused, journal.KindConfigLoaded}
		if diff := cmp.Diff(want, w.kinds); diff != "" {
			t.Error(diff)
		}
		// Who waits for the metric finds the event: it is recorded first.
		if diff := cmp.Diff([]float64{1, 1, 0, 0}, w.shown); diff != "" {
			t.Error("a metric changed before what it is about was recorded", diff)
		}
		cancel()
		<-ended
	})
}

func TestOnlyThisMachineMayAskForAReload(t *testing.T) {
	cases := map[string]struct {
		change func(*http.Request)
		file   string
		code   int
		says   string
	}{
		"from here":                     {func(*http.Request) {}, "good 2", http.StatusOK, `"changed":["login"]`},
		"from here, with a bad file":    {func(*http.Request) {}, "bad", http.StatusInternalServerError, `"problems":["plan.yaml:1:1: bad","plan.yaml:2:1: worse"]`},
		"from another machine":          {func(r *http.Request) { r.RemoteAddr = "192.0.2.7:4711" }, "good 2", http.StatusForbidden, "only this machine"},
		"through a proxy on this one":   {func(r *http.Request) { r.Header.Set("X-Forwarded-For", "192.0.2.7") }, "good 2", http.StatusForbidden, "only this machine"},
		"by a web page of somebody":     {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, "good 2", http.StatusForbidden, "only this machine"},
		"by reading":                    {func(r *http.Request) { r.Method = http.MethodGet }, "good 2", http.StatusMethodNotAllowed, "POST"},
		"from here by an older browser": {func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, "good 2", http.StatusForbidden, "only this machine"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := begin(t)
			w.write(tc.file)
			request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, reload.Path, nil)
			request.RemoteAddr = "127.0.0.1:4711"
			tc.change(request)
			answer := httptest.NewRecorder()
			w.ServeHTTP(answer, request)
			_, applied := w.seen()
			if answer.Code != tc.code || !strings.Contains(answer.Body.String(), tc.says) || (applied == 1) != (tc.code == http.StatusOK || tc.code == http.StatusInternalServerError) {
				t.Errorf("answered %d %s after %d attempts", answer.Code, answer.Body, applied)
			}
		})
	}
}
