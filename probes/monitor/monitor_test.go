package monitor_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"tocsin/internal/journal"
	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/monitor"
	"tocsin/probes/schedule"
)

// scripted is a probe that ends as its script says, again and again.
type scripted struct {
	name   string
	result probes.Result
}

func (s scripted) Name() string { return s.name }

func (s scripted) Run(context.Context) probes.Result {
	result := s.result
	result.Probe, result.Started, result.TraceID = s.name, time.Now(), "4921cd42622234f66d4c458b348995a4"
	return result
}

// book is a journal that can refuse.
type book struct {
	mu      sync.Mutex
	refuse  bool
	entries int
}

func (b *book) AppendValue(context.Context, string, string, string, any) (journal.Event, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse {
		return journal.Event{}, errors.New("disk full")
	}
	b.entries++
	return journal.Event{}, nil
}

func (b *book) AppendAll(_ context.Context, events []journal.Event) ([]journal.Event, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse {
		return events, errors.New("disk full")
	}
	b.entries += len(events)
	return events, nil
}

func (b *book) set(refuse bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refuse = refuse
}

// clean is a keeper that keeps nothing.
type clean struct{}

func (clean) Keep(_ context.Context, result probes.Result) (probes.Result, error) { return result, nil }

func seconds(value float64) *float64 { return &value }

func passing() probes.Result {
	return probes.Result{
		Verdict: verdict.Pass, MS: 74, CertExpiry: time.Unix(1_800_000_000, 0),
		Steps: []probes.Step{{Name: "token", Phases: probes.Phases{FirstByte: seconds(0.006), Transfer: seconds(0.001)}}},
	}
}

func newMonitor(t *testing.T, record monitor.Recorder, all ...probes.Probe) (*monitor.Monitor, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	entries := make([]schedule.Entry, 0, len(all))
	for _, probe := range all {
		entries = append(entries, schedule.Entry{Probe: probe, Interval: 5 * time.Second})
	}
	made, err := monitor.New(monitor.Config{Target: "lab", Entries: entries, Journal: record, Evidence: clean{}, Registry: registry, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return made, registry
}

func TestRunsAreCountedByVerdictAndRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		record := &book{}
		made, registry := newMonitor(t, record, scripted{"login", passing()},
			scripted{"zone-a", probes.Result{Verdict: verdict.Fail}}, scripted{"jwks", probes.Result{Verdict: verdict.Unknown}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		made.Run(ctx)
		if record.entries != 36 {
			t.Errorf("%d of 36 runs recorded", record.entries)
		}
		expectMetrics(t, registry, `
# HELP probe_http_duration_seconds Time of one phase of one step of the last run; absent where it was not reached.
# TYPE probe_http_duration_seconds gauge
probe_http_duration_seconds{phase="processing",probe="login",step="token"} 0.006
probe_http_duration_seconds{phase="transfer",probe="login",step="token"} 0.001
# HELP probe_ssl_earliest_cert_expiry Earliest expiry of a certificate seen by the last run, Unix time.
# TYPE probe_ssl_earliest_cert_expiry gauge
probe_ssl_earliest_cert_expiry{probe="login"} 1.8e+09
# HELP probe_success Whether the last run passed; absent while it is unknown.
# TYPE probe_success gauge
probe_success{probe="login"} 1
probe_success{probe="zone-a"} 0
# HELP tocsin_missed_runs_total Scheduled runs that could not start; each is an unknown run as well.
# TYPE tocsin_missed_runs_total counter
tocsin_missed_runs_total{probe="jwks"} 0
tocsin_missed_runs_total{probe="login"} 0
tocsin_missed_runs_total{probe="zone-a"} 0
# HELP tocsin_probe_runs_total Scheduled runs of a probe by verdict; unknown is neither good nor bad.
# TYPE tocsin_probe_runs_total counter
tocsin_probe_runs_total{probe="jwks",verdict="fail"} 0
tocsin_probe_runs_total{probe="jwks",verdict="pass"} 0
tocsin_probe_runs_total{probe="jwks",verdict="pass-after-retry"} 0
tocsin_probe_runs_total{probe="jwks",verdict="unknown"} 12
tocsin_probe_runs_total{probe="login",verdict="fail"} 0
tocsin_probe_runs_total{probe="login",verdict="pass"} 12
tocsin_probe_runs_total{probe="login",verdict="pass-after-retry"} 0
tocsin_probe_runs_total{probe="login",verdict="unknown"} 0
tocsin_probe_runs_total{probe="zone-a",verdict="fail"} 12
tocsin_probe_runs_total{probe="zone-a",verdict="pass"} 0
tocsin_probe_runs_total{probe="zone-a",verdict="pass-after-retry"} 0
tocsin_probe_runs_total{probe="zone-a",verdict="unknown"} 0
`, "probe_http_duration_seconds", "probe_ssl_earliest_cert_expiry", "probe_success", "tocsin_missed_runs_total", "tocsin_probe_runs_total")
	})
}

// expectMetrics compares the named metrics in the text format of Prometheus.
func expectMetrics(t *testing.T, registry *prometheus.Registry, want string, names ...string) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, family := range families {
		if !slices.Contains(names, family.GetName()) {
			continue
		}
		if _, err := expfmt.MetricFamilyToText(&got, family); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), got.String()); diff != "" {
		t.Error(diff)
	}
}

func TestTheDurationCarriesTheTraceAsExemplarAndLeavesUnknownOut(t *testing.T) {
	registry := prometheus.NewRegistry()
	metrics, err := monitor.NewMetrics(registry, []string{"login"})
	if err != nil {
		t.Fatal(err)
	}
	metrics.Observe(probes.Result{Probe: "login", Verdict: verdict.Pass, MS: 74, LatencyMS: 600, TraceID: "abc"})
	metrics.Observe(probes.Result{Probe: "login", Verdict: verdict.Unknown, MS: 9000})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "probe_duration_seconds" {
			continue
		}
		histogram := family.GetMetric()[0].GetHistogram()
		if histogram.GetSampleCount() != 1 || histogram.GetSampleSum() != 0.6 || len(histogram.GetPositiveSpan()) == 0 {
			t.Errorf("histogram %v: want one sample of 0.6 s from the intended start, classic and native", histogram)
		}
		for _, bucket := range histogram.GetBucket() {
			if exemplar := bucket.GetExemplar(); exemplar != nil {
				if exemplar.GetLabel()[0].GetName() != "trace_id" || exemplar.GetLabel()[0].GetValue() != "abc" {
					t.Errorf("exemplar %v", exemplar)
				}
				return
			}
		}
	}
	t.Error("no bucket has an exemplar")
}

func TestAJournalThatRefusesDelaysNoProbeAndLosesNoResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		record := &book{refuse: true}
		made, registry := newMonitor(t, record, scripted{"login", passing()})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		time.AfterFunc(time.Minute, func() {
			expectMetrics(t, registry, `
# HELP tocsin_journal_queue_length Results that wait for the journal.
# TYPE tocsin_journal_queue_length gauge
tocsin_journal_queue_length 11
`, "tocsin_journal_queue_length")
			record.set(false)
		})
		made.Run(ctx)
		if record.entries != 24 {
			t.Errorf("%d of 24 results recorded", record.entries)
		}
	})
}

func TestProbeOnDemandAnswersLikeTheBlackboxExporter(t *testing.T) {
	record := &book{}
	handler := monitor.NewBlackbox(&target.Target{Name: "lab", Issuer: "https://id.example"},
		[]probes.Probe{scripted{"login", passing()}, scripted{"jwks", probes.Result{Verdict: verdict.Unknown}}}, record, clean{}, slog.New(slog.DiscardHandler))
	cases := map[string]struct {
		query  string
		status int
		want   []string
		absent string
	}{
		"a pass":                           {"module=login", 200, []string{`probe_success{probe="login"} 1`, `probe_duration_seconds{probe="login"} 0.074`}, ""},
		"the target by name":               {"module=login&target=lab", 200, []string{"probe_success"}, ""},
		"the target by address":            {"module=login&target=https://id.example/", 200, []string{"probe_success"}, ""},
		"unknown is neither 1 nor 0":       {"module=jwks", 200, []string{"probe_duration_seconds"}, "probe_success"},
		"the whole result, when debugging": {"module=login&debug=true", 200, []string{`"verdict": "pass"`}, ""},
		"no such module":                   {"module=smtp", 400, []string{"tocsin probe list"}, ""},
		"an address of the caller's":       {"module=login&target=http://169.254.169.254/", 400, []string{"only the target lab"}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/probe?"+tc.query, nil))
			body := answer.Body.String()
			if answer.Code != tc.status {
				t.Errorf("status %d", answer.Code)
			}
			for _, want := range tc.want {
				if !strings.Contains(body, want) {
					t.Errorf("the answer lacks %q:\n%s", want, body)
				}
			}
			if tc.absent != "" && strings.Contains(body, tc.absent) {
				t.Errorf("the answer has %q", tc.absent)
			}
		})
	}
	if record.entries != 5 {
		t.Errorf("%d of 5 runs recorded", record.entries)
	}
}
