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

// Once sets marks for attempt in one transaction, and then makes effect happen.
// When that ends without a verdict the marks are taken back: nothing has left
// this process. A used assertion or proof is a verdict; that any other mark was
// set before is *spent.ConsumedError.
func (l *Ledger) Once(ctx context.Context, attempt string, marks []spent.Mark, effect func() error) error {
	if len(marks) > 0 {
		if err := l.Marks.Spend(ctx, attempt, marks...); err != nil {
			return l.refused(ctx, attempt, marks, err)
		}
	}
	err := effect()
	if err != nil && oautherr.Verdict(err) == nil {
		l.Release(ctx, attempt, marks)
	}
	return err
}

// refused returns what a failed Spend means.
func (l *Ledger) refused(ctx context.Context, attempt string, marks []spent.Mark, err error) error {
	mark, consumed := spent.Consumed(err)
	if !consumed {
		l.Release(ctx, attempt, marks) // it may have come through
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

// Release takes back the marks that attempt set, also when whoever asked has
// gone. That it cannot is only logged: the answer is no verdict either way.
func (l *Ledger) Release(ctx context.Context, attempt string, marks []spent.Mark) {
	if len(marks) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := l.Marks.Release(ctx, attempt, marks...); err != nil {
		l.Log.WarnContext(ctx, "marks stay although nothing came of them", "error", err)
	}
}
