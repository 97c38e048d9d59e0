package exchange

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"tocsin/internal/reach"
	"tocsin/internal/verdict"
)

// Failure is why a step went wrong, in words for the person on call.
type Failure struct {
	// Reason decides the verdict, and whether trying again may help.
	Reason verdict.Reason
	// Detail is the sentence.
	Detail string
	// Part is the part of a step that went wrong, where that was a step of its
	// own; empty for the whole.
	Part string
	// RetryAfter is what the target asked for; 0 when it did not.
	RetryAfter time.Duration
	Err        error
	// CertificateTime is set when a certificate was refused because of the
	// time: then the local clock may be what is wrong.
	CertificateTime *x509.Certificate
	// Network is set when an address that is not on this machine could not be
	// reached: then our own network may be what is wrong.
	Network bool
}

func (f *Failure) Error() string { return f.Detail }

func (f *Failure) Unwrap() error { return f.Err }

// Brokenf is a broken promise of the target.
func Brokenf(reason verdict.Reason, format string, values ...any) *Failure {
	return &Failure{Reason: reason, Detail: fmt.Sprintf(format, values...)}
}

// Ownf is a fault of ours.
func Ownf(reason verdict.Reason, err error, format string, values ...any) *Failure {
	return &Failure{Reason: reason, Detail: fmt.Sprintf(format, values...), Err: err}
}

// InTrouble reports whether an answer of this status says of the system alone
// that it could not attend to the request, and nothing of the request: 5xx, 429
// (RFC 6585 section 4), and 408, with which a server gives up waiting for a
// request that may be repeated (RFC 9110 section 15.5.9).
func InTrouble(status int) bool {
	return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}

// Unexpected is the failure of an answer whose status is not what was wanted.
// That a system is in trouble is honest; any other such answer is wrong.
func Unexpected(reply *Reply, detail string) *Failure {
	text := fmt.Sprintf("%s answered %d %s", WithoutQuery(reply.URL), reply.Status, http.StatusText(reply.Status))
	if detail != "" {
		text += ": " + detail
	}
	failure := &Failure{Reason: verdict.Status, Detail: text}
	if InTrouble(reply.Status) {
		failure.Reason = verdict.Unavailable
		if wait, err := time.ParseDuration(reply.Header.Get("Retry-After") + "s"); err == nil && wait > 0 {
			failure.RetryAfter = wait
		}
	}
	return failure
}

// explain turns a transport error into a failure.
func (c *Client) explain(outer context.Context, address *url.URL, watch *Stopwatch, err error) *Failure {
	return Explain(outer, reach.Attempt{Host: address.Host, Timeout: c.cfg.Timeout, Doing: watch.Doing(), Now: c.cfg.Now}, err)
}

// Explain turns a transport error into a failure. Outer is the context of the
// run, without the timeout of the exchange: when it has ended, we ended it.
func Explain(outer context.Context, attempt reach.Attempt, err error) *Failure {
	var failure *Failure
	if errors.As(err, &failure) {
		return failure
	}
	if cause := context.Cause(outer); cause != nil {
		if errors.As(cause, &failure) {
			return failure.during(attempt.Doing)
		}
		return Ownf(verdict.Stopped, err, "the run was stopped from our side before %s answered", attempt.Host)
	}
	trouble := attempt.Explain(err)
	if trouble == nil {
		trouble = &reach.Trouble{Reason: verdict.Reset, Detail: fmt.Sprintf("%s: %v", attempt.Host, reach.Bare(err))}
	}
	return &Failure{
		Reason: trouble.Reason, Detail: trouble.Detail, Err: err, CertificateTime: trouble.CertificateTime, Network: trouble.Network,
	}
}

// during is the failure with what was under way, for a limit that was set from
// outside and cannot know.
func (f *Failure) during(doing string) *Failure {
	known := *f
	known.Detail = fmt.Sprintf("%s (%s)", f.Detail, doing)
	return &known
}
