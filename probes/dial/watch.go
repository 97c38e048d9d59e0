package dial

import (
	"time"

	"tocsin/probes"
)

// Phases in progress, in words for the person on call.
const (
	resolving  = "while resolving its name"
	connecting = "while connecting"
	securing   = "during the TLS handshake"
	Asking     = "while sending the request"
	Waiting    = "while waiting for the answer"
	Reading    = "while reading the answer"
)

// Watch times the phases of one exchange over a fresh connection. A phase that
// was not reached has no time. It is not safe for concurrent use.
type Watch struct {
	started time.Time
	lap     time.Time
	doing   string
	phases  probes.Phases
	// values backs the phases: one allocation instead of five.
	values [5]float64
}

// Start starts a watch.
func Start() *Watch {
	now := time.Now()
	return &Watch{started: now, lap: now, doing: connecting}
}

// Doing is the phase in progress, in words.
func (w *Watch) Doing() string { return w.doing }

// Begin says what is in progress from now on.
func (w *Watch) Begin(doing string) {
	w.doing = doing
	w.lap = time.Now()
}

// end ends the phase in progress.
func (w *Watch) end(index int, phase **float64) {
	w.values[index] = time.Since(w.lap).Seconds()
	*phase = &w.values[index]
}

// FirstByte ends the wait for the answer, and begins reading it.
func (w *Watch) FirstByte() {
	w.end(3, &w.phases.FirstByte)
	w.Begin(Reading)
}

// Done ends the exchange.
func (w *Watch) Done() { w.end(4, &w.phases.Transfer) }

// Phases reached so far.
func (w *Watch) Phases() probes.Phases { return w.phases }

// MS is the time since the start, in milliseconds.
func (w *Watch) MS() float64 { return float64(time.Since(w.started).Microseconds()) / 1000 }
