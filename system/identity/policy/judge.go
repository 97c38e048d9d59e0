package policy

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
)

// Judge applies the table and tells an observer.
type Judge struct{ Observer Observer }

// Err returns nil when the operation may go on in spite of err, and otherwise
// err as an infrastructure error with the reason.
func (j Judge) Err(ctx context.Context, operation Operation, err error) error {
	if err == nil {
		return nil
	}
	return j.State(ctx, operation, StateOf(err), err)
}

// State is Err for a state that is known otherwise.
func (j Judge) State(ctx context.Context, operation Operation, state State, cause error) error {
	decision := Decide(operation, state)
	if decision.Verdict == Allow {
		return nil
	}
	if j.Observer != nil {
		j.Observer.Observe(ctx, operation, decision, cause)
	}
	if decision.Verdict == Degraded {
		return nil
	}
	return fmt.Errorf("%s: %w", decision.Reason, cause)
}

// Recorder logs and counts decisions: <namespace>_degradations_total{operation,verdict}.
type Recorder struct {
	total *prometheus.CounterVec
	log   *slog.Logger
}

// NewRecorder registers the metric under namespace.
func NewRecorder(namespace string, registry prometheus.Registerer, log *slog.Logger) *Recorder {
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "degradations_total",
		Help: "Steps of a login that met a dependency which did not answer, by what was decided: allow_degraded or refuse.",
	}, []string{"operation", "verdict"})
	registry.MustRegister(total)
	for _, operation := range Operations() {
		// A rate needs the zero before the first.
		total.WithLabelValues(string(operation), string(Decide(operation, Silent).Verdict))
	}
	return &Recorder{total: total, log: log}
}

// Observe implements Observer. A refusal is logged where it is answered, a
// degradation only here.
func (r *Recorder) Observe(ctx context.Context, operation Operation, decision Decision, cause error) {
	r.total.WithLabelValues(string(operation), string(decision.Verdict)).Inc()
	if decision.Verdict == Degraded {
		r.log.WarnContext(ctx, "going on degraded", "operation", string(operation), "reason", decision.Reason, "error", cause)
	}
}
