package policy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/system/identity/store"
)

func TestTable(t *testing.T) {
	for _, test := range []struct {
		operation Operation
		silent    Verdict
	}{
		{CountAttempt, Degraded},
		{ReadClient, Refuse},
		{ReadConsent, Refuse},
		{SaveConsent, Refuse},
		{Identify, Refuse},
		{CompleteRequest, Refuse},
		{EndSession, Refuse},
		{LinkWallet, Refuse},
		{ReadHint, Refuse},
	} {
		t.Run(string(test.operation), func(t *testing.T) {
			if got := Decide(test.operation, Answering); got.Verdict != Allow || got.Reason != "" {
				t.Errorf("answering: %+v", got)
			}
			if got := Decide(test.operation, Silent); got.Verdict != test.silent || got.Reason == "" {
				t.Errorf("silent: %+v, want %s", got, test.silent)
			}
			if got := Decide(test.operation, Exhausted); got.Verdict != Refuse || got.Reason == "" {
				t.Errorf("exhausted: %+v", got)
			}
		})
	}
	if covered := 9; len(Operations()) != covered {
		t.Errorf("%d operations, the table above has %d", len(Operations()), covered)
	}
	if got := Decide("new", Silent); got.Verdict != Refuse {
		t.Errorf("an operation nobody thought of: %+v", got)
	}
}

func TestStateOf(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want State
	}{
		{"no error", nil, Answering},
		{"a thing that is not there", fmt.Errorf("read: %w", store.ErrNotFound), Answering},
		{"a timeout", context.DeadlineExceeded, Silent},
		{"anything else", errors.New("connection refused"), Silent},
	} {
		if got := StateOf(test.err); got != test.want {
			t.Errorf("%s is %s, want %s", test.name, got, test.want)
		}
	}
}

func TestJudgeKeepsTheCauseAndCounts(t *testing.T) {
	registry, cause := prometheus.NewRegistry(), errors.New("no route")
	recorder := NewRecorder("identity", registry, slog.New(slog.DiscardHandler))
	judge := Judge{Observer: recorder}
	if err := judge.Err(t.Context(), SaveConsent, cause); !errors.Is(err, cause) {
		t.Errorf("refused: %v", err)
	}
	if err := judge.Err(t.Context(), CountAttempt, cause); err != nil {
		t.Errorf("degraded: %v", err)
	}
	if err := judge.Err(t.Context(), SaveConsent, nil); err != nil {
		t.Errorf("nothing wrong: %v", err)
	}
	for _, operation := range []Operation{SaveConsent, CountAttempt} {
		if got := value(t, registry, operation); got != 1 {
			t.Errorf("%s counted %v times", operation, got)
		}
	}
	if got := value(t, registry, ReadConsent); got != 0 {
		t.Errorf("read_consent counted %v times", got)
	}
}

// value returns what registry has counted; every operation has one verdict.
func value(t *testing.T, registry *prometheus.Registry, operation Operation) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, metric := range families[0].GetMetric() {
		for _, label := range metric.GetLabel() {
			if label.GetValue() == string(operation) {
				return metric.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("%s is not counted", operation)
	return 0
}
