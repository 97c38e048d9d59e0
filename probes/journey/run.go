package journey

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/exchange"
)

// What a request says it accepts.
const (
	AcceptHTML = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1"
	AcceptJSON = "application/json"
)

// Run is one attempt under way. It is not safe for concurrent use.
type Run struct {
	cfg    *Config
	trace  telemetry.Trace
	result *probes.Result
	step   *probes.Step
	// taking is true while a step is in progress.
	taking bool
	// exchanges is made when it is first asked for: not every journey needs
	// cookies and connections that are kept.
	exchanges *exchange.Client

	// clocks tell how far our clock is ahead of the target's.
	clocks clockBounds
}

// Take makes one step, times it and remembers it, and names it as the failed
// one when it fails. A step that is taken within another is a part of that one:
// only its failure says its name.
func (r *Run) Take(ctx context.Context, name string, act func(context.Context) error) error {
	if r.taking {
		return partly(name, act(ctx))
	}
	started := time.Now()
	r.step, r.taking = &probes.Step{Name: name, Started: started}, true
	err := act(ctx)
	r.taking = false
	r.step.MS = milliseconds(time.Since(started))
	if err != nil {
		r.step.Error = err.Error()
		r.result.FailedStep = name
	}
	r.result.Steps = append(r.result.Steps, *r.step)
	return err
}

// partly is the failure of a part of a step.
func partly(name string, err error) error {
	var failure *exchange.Failure
	if !errors.As(err, &failure) {
		return err
	}
	part := *failure
	part.Detail, part.Part = name+": "+part.Detail, name
	return &part
}

// Restart forgets cookies and connections, as a browser that was just started
// has none.
func (r *Run) Restart() {
	r.close()
	r.exchanges = nil
}

// Skip remembers a step that does not apply, and why.
func (r *Run) Skip(name, why string) {
	r.result.Steps = append(r.result.Steps, probes.Step{Name: name, Skipped: why})
}

// Figure notes a number that the run measured, for people and metrics. Name is
// in snake_case and ends in the unit, such as clock_skew_seconds.
func (r *Run) Figure(name string, value float64) {
	if r.result.Figures == nil {
		r.result.Figures = map[string]float64{}
	}
	r.result.Figures[name] = value
}

// Note adds a line to what the step in progress saw.
func (r *Run) Note(format string, values ...any) {
	r.step.Notes = append(r.step.Notes, fmt.Sprintf(format, values...))
}

// Remark adds what a person should know to the sentence of a run that works.
func (r *Run) Remark(sentence string) {
	if r.result.Detail != "" {
		r.result.Detail += "; "
	}
	r.result.Detail += sentence
}

// Result is what the run has found so far.
func (r *Run) Result() *probes.Result { return r.result }

// Now is the clock of this machine.
func (r *Run) Now() time.Time { return r.cfg.Now() }

// MaxSkew is how far clocks may be apart.
func (r *Run) MaxSkew() time.Duration { return r.cfg.MaxSkew }

// Age is how old an answer may be that was made for this run.
func (r *Run) Age() time.Duration { return r.cfg.AttemptTimeout }

// Send makes one exchange as part of the step in progress. Its error is an
// *exchange.Failure.
func (r *Run) Send(ctx context.Context, request *http.Request) (*exchange.Reply, error) {
	client, err := r.client()
	if err != nil {
		return nil, err
	}
	started, ours, sent := time.Now(), r.cfg.Now(), recordRequest(request)
	reply, hop, err := client.Do(ctx, request)
	r.Add(hop)
	r.Record(sent.ended(r.step.Name, started, hop, reply, err))
	if err != nil {
		return nil, err
	}
	r.clocks.observe(ours, r.cfg.Now(), reply.Header)
	r.Expires(reply.CertExpiry)
	return reply, nil
}

// client makes the exchanges of this attempt.
func (r *Run) client() (*exchange.Client, error) {
	if r.exchanges != nil {
		return r.exchanges, nil
	}
	client, err := exchange.New(exchange.Config{
		Roots: r.cfg.Roots, Timeout: r.cfg.ExchangeTimeout, Trace: r.trace, RunID: r.result.RunID, Now: r.cfg.Now,
		ConnectTo: r.cfg.ConnectTo,
	})
	if err != nil {
		return nil, exchange.Ownf(verdict.Internal, err, "the probe could not start: %v", err)
	}
	r.exchanges = client
	return client, nil
}

func (r *Run) close() {
	if r.exchanges != nil {
		r.exchanges.Close()
	}
}

// Add adds an exchange to the step in progress. Send does it by itself.
func (r *Run) Add(hop probes.Hop) {
	r.step.Hops = append(r.step.Hops, hop)
	r.step.Phases.Add(hop.Phases)
	r.step.Status = hop.Status
}

// Record remembers an exchange for the evidence. Send does it by itself.
func (r *Run) Record(done probes.Exchange) { r.result.Exchanges = append(r.result.Exchanges, done) }

// Step is the name of the step in progress, or of the last one.
func (r *Run) Step() string {
	if r.step == nil {
		return ""
	}
	return r.step.Name
}

// Leave leaves a file for the evidence of a run that goes wrong.
func (r *Run) Leave(left probes.Artifact) { r.result.Artifacts = append(r.result.Artifacts, left) }

// Network is how the target is reached: the roots to trust, nil for those of
// the machine, and what host:port is dialled instead of which.
func (r *Run) Network() (roots *x509.CertPool, connectTo map[string]string) {
	return r.cfg.Roots, r.cfg.ConnectTo
}

// Heard remembers what the target says the time is. Send does it by itself.
func (r *Run) Heard(header http.Header) { r.clocks.observe(r.cfg.Now(), r.cfg.Now(), header) }

// Mark puts the headers of synthetic traffic on a request. Send does it by
// itself.
func (r *Run) Mark(header http.Header) { telemetry.Mark(header, r.trace.Child(), r.result.RunID) }

// Expires remembers the earliest expiry of a certificate.
func (r *Run) Expires(at time.Time) {
	if known := r.result.CertExpiry; !at.IsZero() && (known.IsZero() || at.Before(known)) {
		r.result.CertExpiry = at.UTC()
	}
}

// Get asks for address.
func (r *Run) Get(ctx context.Context, address string, accept string) (*exchange.Reply, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, exchange.Brokenf(verdict.Content, "%q is no address to ask: %v", address, err)
	}
	request.Header.Set("Accept", accept)
	return r.Send(ctx, request)
}

// Submit sends a form as a browser does (HTML Living Standard, form
// submission).
func (r *Run) Submit(ctx context.Context, method string, action *url.URL, values url.Values) (*exchange.Reply, error) {
	address, body := *action, ""
	if method == http.MethodGet {
		address.RawQuery = values.Encode()
	} else {
		body = values.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, address.String(), strings.NewReader(body))
	if err != nil {
		return nil, exchange.Brokenf(verdict.LoginForm, "the form at %s cannot be sent: %v", action.Path, err)
	}
	if method != http.MethodGet {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Origin", action.Scheme+"://"+action.Host)
	}
	request.Header.Set("Accept", AcceptHTML)
	return r.Send(ctx, request)
}
