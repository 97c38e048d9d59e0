package oidc

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tocsin/probes"
	"tocsin/probes/exchange"
)

// journey is one attempt. It carries what one step learns and a later needs.
type journey struct {
	cfg    *Config
	client *exchange.Client
	result *probes.Result
	step   *probes.Step

	provider metadata
	keys     keySet
	flow     flow
	page     *exchange.Reply
	code     string
	tokens   tokenReply
	subject  string
	// lastDate is the newest Date the target answered with, and heardAt our
	// clock then: together they tell how far the clocks are apart.
	lastDate http.Header
	heardAt  time.Time
}

// take makes one step, times it and remembers it, and names it as the failed
// one when it fails.
func (j *journey) take(ctx context.Context, name string, act func(context.Context) error) error {
	j.step = &probes.Step{Name: name}
	started := time.Now()
	err := act(ctx)
	j.step.MS = milliseconds(time.Since(started))
	if err != nil {
		j.step.Error = err.Error()
		j.result.FailedStep = name
	}
	j.result.Steps = append(j.result.Steps, *j.step)
	return err
}

// send makes one exchange as part of the step in progress.
func (j *journey) send(ctx context.Context, request *http.Request) (*exchange.Reply, error) {
	reply, hop, err := j.client.Do(ctx, request)
	j.step.Hops = append(j.step.Hops, hop)
	j.step.Phases.Add(hop.Phases)
	j.step.Status = hop.Status
	if err != nil {
		return nil, err
	}
	j.lastDate, j.heardAt = reply.Header, j.cfg.Now()
	expiry := reply.CertExpiry
	if known := j.result.CertExpiry; !expiry.IsZero() && (known.IsZero() || expiry.Before(known)) {
		j.result.CertExpiry = expiry.UTC()
	}
	return reply, nil
}

func (j *journey) get(ctx context.Context, address string, accept string) (*exchange.Reply, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, exchange.Brokenf("%q is no address to ask: %v", address, err)
	}
	request.Header.Set("Accept", accept)
	return j.send(ctx, request)
}

// submit sends a form as a browser does (HTML Living Standard, form
// submission).
func (j *journey) submit(ctx context.Context, method string, action *url.URL, values url.Values) (*exchange.Reply, error) {
	address, body := *action, ""
	if method == http.MethodGet {
		address.RawQuery = values.Encode()
	} else {
		body = values.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, address.String(), strings.NewReader(body))
	if err != nil {
		return nil, exchange.Brokenf("the form at %s cannot be sent: %v", action.Path, err)
	}
	if method != http.MethodGet {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Origin", origin(action))
	}
	request.Header.Set("Accept", acceptHTML)
	return j.send(ctx, request)
}

func origin(address *url.URL) string { return address.Scheme + "://" + address.Host }

const (
	acceptHTML = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1"
	acceptJSON = "application/json"
)

// skew is how far our clock is ahead of the target's, as far as is known.
func (j *journey) skew() (time.Duration, bool) {
	if j.lastDate == nil {
		return 0, false
	}
	skew, err := exchange.Skew(j.heardAt, j.lastDate)
	return skew, err == nil
}

// blameClock turns a failure into one of our own where the clock of this
// machine is the better suspect: nothing keeps it right, and the target, seen
// by the target's own clock, did nothing wrong.
func (j *journey) blameClock(ctx context.Context, failure *exchange.Failure) *exchange.Failure {
	certificate := failure.CertificateTime
	if certificate == nil || j.cfg.ClockSynchronised() {
		return failure
	}
	date, err := j.client.UnverifiedDate(ctx, j.cfg.Issuer)
	if err != nil || date.Before(certificate.NotBefore) || date.After(certificate.NotAfter) {
		return failure
	}
	return j.ownClock(failure, j.cfg.Now().Sub(date))
}

func (j *journey) ownClock(failure *exchange.Failure, skew time.Duration) *exchange.Failure {
	return exchange.Ownf(failure, "the clock of this machine is %s and nothing synchronises it: start a time service (chrony) here; with this clock: %s",
		aheadOrBehind(skew), failure.Reason)
}

// tokenTime judges a token that our clock calls wrong by time.
func (j *journey) tokenTime(reason string) error {
	failure := &exchange.Failure{Kind: exchange.Broken, Reason: reason}
	skew, known := j.skew()
	if known && skew.Abs() > j.cfg.MaxSkew {
		if !j.cfg.ClockSynchronised() {
			return j.ownClock(failure, skew)
		}
		failure.Reason += fmt.Sprintf("; the target's clock is %s", aheadOrBehind(-skew))
	}
	return failure
}

func aheadOrBehind(skew time.Duration) string {
	if skew < 0 {
		return (-skew).Round(time.Second).String() + " behind"
	}
	return skew.Round(time.Second).String() + " ahead"
}
