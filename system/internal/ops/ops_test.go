package ops

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// lostOnly is the rule of a balancer: only what is away for good counts.
func lostOnly(states []State) []string {
	for _, state := range states {
		if state.Lost() {
			return []string{state.Reason}
		}
	}
	return nil
}

func ask(t *testing.T, handler http.Handler, path string) (int, Report) {
	t.Helper()
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
	var report Report
	if err := json.Unmarshal(answer.Body.Bytes(), &report); err != nil {
		t.Fatalf("%s: %v: %s", path, err, answer.Body)
	}
	return answer.Code, report
}

func TestBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var trouble atomic.Bool
		registry := prometheus.NewRegistry()
		board := NewBoard("x", slog.New(slog.DiscardHandler), registry, Check{
			Dependency: "db", Probe: func(context.Context) (int, error) {
				if trouble.Load() {
					return 0, errors.New("refused")
				}
				return 3, nil
			},
		})
		handler := board.Handler(Rules{Serving: lostOnly, Ready: AllUp}, registry)
		ctx, stop := context.WithCancel(t.Context())
		go board.Run(ctx)
		expect := func(when string, ready, serving int) {
			t.Helper()
			synctest.Wait()
			gotReady, report := ask(t, handler, "/readyz")
			gotServing, _ := ask(t, handler, "/lb-check")
			alive, _ := ask(t, handler, "/livez")
			if gotReady != ready || gotServing != serving || alive != http.StatusOK {
				t.Errorf("%s: readyz %d, lb-check %d, livez %d; %+v", when, gotReady, gotServing, alive, report)
			}
			if gotReady != http.StatusOK && !strings.Contains(strings.Join(report.Reasons, " "), "db: ") && when != "draining" {
				t.Errorf("%s: no reason: %+v", when, report)
			}
		}
		expect("after the first check", 200, 200)
		trouble.Store(true)
		time.Sleep(checkInterval)
		expect("after one failure", 503, 200)
		time.Sleep(checkInterval)
		expect("after two failures", 503, 503)
		trouble.Store(false)
		time.Sleep(checkInterval)
		expect("after a success", 200, 200)
		board.Drain()
		expect("draining", 503, 503)
		stop()
	})
}

func TestNothingCheckedIsNotReady(t *testing.T) {
	registry := prometheus.NewRegistry()
	board := NewBoard("x", slog.New(slog.DiscardHandler), registry, Check{Dependency: "db"})
	handler := board.Handler(Rules{Serving: AllUp, Ready: AllUp}, registry)
	if code, report := ask(t, handler, "/readyz"); code != http.StatusServiceUnavailable || len(report.Reasons) != 1 {
		t.Errorf("got %d %+v", code, report)
	}
}
