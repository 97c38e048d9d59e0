package token

import (
	"context"
	"log/slog"
	"time"

	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/spent"
)

// releaseTimeout bounds taking marks back: a client waits for its answer.
const releaseTimeout = 2 * time.Second

// Ledger makes happen once what may happen once.
type Ledger struct {
	Marks spent.Store
	Log   *slog.Logger
}

// Once sets the marks of r and own in one transaction, and then returns what
// issue does. When issue ends without a verdict the marks are taken back:
// nothing has left this process. A used assertion or proof is a verdict; that
// one of own was used before is *spent.ConsumedError.
func (l *Ledger) Once(ctx context.Context, r *Request, own []spent.Mark, issue func() (*Response, error)) (*Response, error) {
	marks := r.Marks(own...)
	if len(marks) > 0 {
		if err := l.Marks.Spend(ctx, r.Attempt, marks...); err != nil {
			return nil, l.refused(ctx, r, marks, err)
		}
	}
	response, err := issue()
	if err != nil && oautherr.Verdict(err) == nil {
		l.release(ctx, r, marks)
	}
	return response, err
}

// refused returns what a failed Spend means.
func (l *Ledger) refused(ctx context.Context, r *Request, marks []spent.Mark, err error) error {
	mark, consumed := spent.Consumed(err)
	if !consumed {
		l.release(ctx, r, marks) // it may have come through
		return err
	}
	if verdict := Replay(mark); verdict != nil {
		return verdict
	}
	return err
}

// Replay returns the verdict on a request whose assertion or proof was used
// before, and nil for other marks.
func Replay(mark spent.Mark) error {
	switch mark.Kind {
	case spent.Assertion: // RFC 7523, 3, 7
		return oautherr.New(oautherr.InvalidClient, "client_assertion was used before: its jti is known")
	case spent.Proof: // RFC 9449, 11.1
		return oautherr.New(oautherr.InvalidDPoPProof, "the proof was used before: its jti is known")
	}
	return nil
}

func (l *Ledger) release(ctx context.Context, r *Request, marks []spent.Mark) {
	if len(marks) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := l.Marks.Release(ctx, r.Attempt, marks...); err != nil {
		l.Log.WarnContext(ctx, "marks stay although nothing was issued", "error", err)
	}
}
