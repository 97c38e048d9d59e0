package otp

import (
	"context"
	"fmt"
	"time"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// Source is where the codes of one person come from. Logins of a person that
// could take each other's codes wait for each other.
type Source struct {
	kind  kind
	limit time.Duration
	turn  chan struct{}
}

// kind is one way for codes to come.
type kind interface {
	// open notes what is there already, so that only what comes later counts.
	open(ctx context.Context) (inbox, error)
}

// inbox is looked into until a code is there.
type inbox interface {
	// look returns the code, or "" as long as there is none. Its error means
	// that the inbox itself cannot be used.
	look(ctx context.Context) (string, error)
	close() error
	// about says what has come that was no code, "" for nothing.
	about() string
}

// pause is between two looks.
const pause = 100 * time.Millisecond

// New makes the source that a target file describes, nil where it has none.
func New(o target.OTP) (*Source, error) {
	if o.Kind == target.OTPNone {
		return nil, nil //nolint:nilnil // a login without codes has no source of them
	}
	find, err := newFinder(o)
	if err != nil {
		return nil, err
	}
	source := &Source{limit: o.Timeout, turn: make(chan struct{}, 1)}
	switch o.Kind {
	case target.OTPTOTP:
		// Of any window a code can be had after waiting for the next one.
		source.kind, source.limit = newTOTP(o), 2*o.Period
	case target.OTPFile:
		source.kind = files{paths: o.Paths, find: find}
	case target.OTPMailbox:
		source.kind = newMailbox(o, find)
	case target.OTPWebhook:
		source.kind = webhook{cfg: o.Webhook, find: find}
	default:
		return nil, fmt.Errorf("one-time codes of kind %q are not known", o.Kind)
	}
	return source, nil
}

// Wait is one login that may need a code.
type Wait struct {
	source *Source
	inbox  inbox
	opened time.Time
}

// Open prepares for a code that is sent from now on. Close must follow. The
// error is an *exchange.Failure.
func (s *Source) Open(ctx context.Context) (*Wait, error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, stopped(ctx)
	}
	inbox, err := s.kind.open(ctx)
	if err != nil {
		<-s.turn
		return nil, unusable(ctx, err)
	}
	return &Wait{source: s, inbox: inbox, opened: time.Now()}, nil
}

// Close lets the next login have its turn.
func (w *Wait) Close() error {
	defer func() { <-w.source.turn }()
	if err := w.inbox.close(); err != nil {
		return fmt.Errorf("close inbox for one-time codes: %w", err)
	}
	return nil
}

// Code waits for the code. The error is an *exchange.Failure: code-missing when
// the inbox could be read all the time, own-inbox when it could not.
func (w *Wait) Code(ctx context.Context) (string, error) {
	deadline := time.NewTimer(w.source.limit)
	defer deadline.Stop()
	for {
		code, err := w.inbox.look(ctx)
		if err != nil {
			return "", unusable(ctx, err)
		}
		if code != "" {
			return code, nil
		}
		select {
		case <-ctx.Done():
			return "", stopped(ctx)
		case <-deadline.C:
			return "", exchange.Brokenf(verdict.CodeMissing, "no one-time code arrived within %s%s", w.source.limit, w.inbox.about())
		case <-time.After(pause):
		}
	}
}

// unusable is an inbox that cannot be read; or we stopped while it was.
func unusable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return stopped(ctx)
	}
	return exchange.Ownf(verdict.OwnInbox, err, "the inbox for one-time codes cannot be used: %v", err)
}

// stopped gives the reason for which the run ended, if it has one.
func stopped(ctx context.Context) error {
	cause := context.Cause(ctx)
	if failure, ok := cause.(*exchange.Failure); ok { //nolint:errorlint // the cause itself, not what it wraps
		return &exchange.Failure{Reason: failure.Reason, Err: cause, Detail: failure.Detail + ", while it waited for a one-time code"}
	}
	return exchange.Ownf(verdict.Stopped, cause, "the run was stopped from our side while it waited for a one-time code")
}
