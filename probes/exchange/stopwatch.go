package exchange

import (
	"context"
	"crypto/tls"
	"net/http/httptrace"
	"sync"
	"time"

	"tocsin/probes"
)

// Stopwatch times the phases of one exchange. The hooks of httptrace run on
// goroutines of the transport, and may run after the exchange has ended: the
// lock makes that harmless.
type Stopwatch struct {
	mu      sync.Mutex
	started time.Time
	ended   time.Time
	phases  probes.Phases

	dns, connect, tls, sent, firstByte time.Time
	// doing is the phase in progress, in words, for the reason of a timeout.
	doing string
}

// NewStopwatch starts one.
func NewStopwatch() *Stopwatch {
	return &Stopwatch{started: time.Now(), doing: "while connecting"}
}

// Trace is ctx with the hooks that tell the stopwatch how far the exchange is.
func (s *Stopwatch) Trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { s.begin(&s.dns, "while resolving its name") },
		DNSDone:  func(httptrace.DNSDoneInfo) { s.end(s.dns, &s.phases.DNS) },
		// With several addresses several connections race; the first start and
		// the last end are what a person waited for.
		ConnectStart:      func(string, string) { s.begin(&s.connect, "while connecting") },
		ConnectDone:       func(_, _ string, err error) { s.endUnless(err, s.connect, &s.phases.Connect) },
		TLSHandshakeStart: func() { s.begin(&s.tls, "during the TLS handshake") },
		TLSHandshakeDone:  func(_ tls.ConnectionState, err error) { s.endUnless(err, s.tls, &s.phases.TLS) },
		WroteRequest:      func(httptrace.WroteRequestInfo) { s.begin(&s.sent, "while waiting for the answer") },
		// An exchange that was given up closes its connection, and closing may
		// be what makes the other side answer: that is not an answer in time.
		GotFirstResponseByte: func() {
			if ctx.Err() == nil {
				s.gotFirstByte()
			}
		},
	})
}

func (s *Stopwatch) begin(at *time.Time, doing string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at.IsZero() {
		*at = time.Now()
	}
	s.doing = doing
}

func (s *Stopwatch) end(since time.Time, into **float64) { s.endUnless(nil, since, into) }

func (s *Stopwatch) endUnless(err error, since time.Time, into **float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && !since.IsZero() {
		*into = seconds(time.Since(since))
	}
}

func (s *Stopwatch) gotFirstByte() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.firstByte = time.Now()
	s.doing = "while reading the answer"
	if !s.sent.IsZero() {
		s.phases.FirstByte = seconds(s.firstByte.Sub(s.sent))
	}
}

// Done marks the last byte of the answer.
func (s *Stopwatch) Done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = time.Now()
	if !s.firstByte.IsZero() {
		s.phases.Transfer = seconds(s.ended.Sub(s.firstByte))
	}
}

// Read returns the milliseconds of the exchange and its phases.
func (s *Stopwatch) Read() (float64, probes.Phases) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended.IsZero() {
		s.ended = time.Now()
	}
	return float64(s.ended.Sub(s.started).Microseconds()) / 1000, s.phases
}

// Doing is the phase in progress, in words such as "while connecting".
func (s *Stopwatch) Doing() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doing
}

func seconds(d time.Duration) *float64 {
	value := d.Seconds()
	return &value
}
