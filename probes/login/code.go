package login

import (
	"context"
	"time"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
	"tocsin/probes/otp"
)

// Inbox is where the one-time code of one login arrives. The zero Inbox is that
// of a person without codes.
type Inbox struct {
	wait  *otp.Wait
	since time.Time
}

// OpenInbox prepares for a code, as a step of its own: it takes as long as
// another login of the same person needs its turn. Close must follow.
func (p Person) OpenInbox(ctx context.Context, run *journey.Run) (*Inbox, error) {
	if p.Codes == nil {
		return &Inbox{}, nil
	}
	opened := &Inbox{}
	err := run.Take(ctx, "inbox", func(ctx context.Context) (err error) {
		opened.wait, err = p.Codes.Open(ctx)
		return err
	})
	opened.since = time.Now()
	return opened, err
}

// Sent notes that the code is on its way from now on.
func (i *Inbox) Sent() { i.since = time.Now() }

// Code waits for the code and notes how long it took to arrive. The error is an
// *exchange.Failure.
func (i *Inbox) Code(ctx context.Context, run *journey.Run) (string, error) {
	if i.wait == nil {
		return "", exchange.Ownf(verdict.OwnConfig, nil, "the provider asks for a one-time code, but the target file does not say in login.otp how it comes")
	}
	code, err := i.wait.Code(ctx)
	if err != nil {
		return "", err
	}
	run.Figure("otp_delivery_seconds", time.Since(i.since).Seconds())
	return code, nil
}

// Close lets the next login of the person have its turn.
func (i *Inbox) Close() error {
	if i.wait == nil {
		return nil
	}
	if err := i.wait.Close(); err != nil {
		return exchange.Ownf(verdict.OwnInbox, err, "the inbox for one-time codes cannot be closed: %v", err)
	}
	return nil
}
