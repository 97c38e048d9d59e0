package lease_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/chaos"
	"tocsin/chaos/lease"
)

// world is an injector whose leases really end.
type world struct {
	mu        sync.Mutex
	expires   time.Time
	injected  int
	renewed   int
	reverted  int
	injectErr error
	renewErr  error
	revertErr error
	// slow is how long an injection takes.
	slow time.Duration
	// revertCtx is what the context of the last revert said.
	revertCtx error
}

func (w *world) Inject(ctx context.Context, fault chaos.Fault, ttl time.Duration, _ string) (chaos.Injection, error) {
	select {
	case <-ctx.Done():
		return chaos.Injection{}, ctx.Err()
	case <-time.After(w.slow):
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.injected++
	w.expires = time.Now().Add(ttl)
	injection := chaos.Injection{ID: "f1", Fault: fault, State: chaos.InForce, Targets: []string{"a/etcd"}}
	return injection, w.injectErr
}

func (w *world) Renew(_ context.Context, _ string, ttl time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.renewErr != nil {
		return w.renewErr
	}
	w.renewed++
	w.expires = time.Now().Add(ttl)
	return nil
}

func (w *world) Status(context.Context, string) (chaos.Injection, error) {
	return chaos.Injection{}, errors.New("not asked")
}

func (w *world) Revert(ctx context.Context, id string) (chaos.Injection, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reverted++
	w.revertCtx = ctx.Err()
	return chaos.Injection{ID: id, State: chaos.Reverted, EndedBy: chaos.EndedByHolder}, w.revertErr
}

func (w *world) fail(renew error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.renewErr = renew
}

var fault = chaos.Fault{Kind: chaos.Kill, Zone: "a"}

func TestALeaseIsRenewedWhileItsHolderLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		keeper, err := lease.Hold(t.Context(), w, fault, lease.Terms{TTL: 9 * time.Second, Holder: "run"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if w.renewed != 20 || !w.expires.After(time.Now()) {
			t.Errorf("renewed %d times in a minute with a third of 9 s between", w.renewed)
		}
		if _, err := keeper.Release(); err != nil || w.reverted != 1 {
			t.Errorf("release: %v, reverted %d times", err, w.reverted)
		}
		if injection, err := keeper.Release(); err != nil || injection.EndedBy != chaos.EndedByHolder || w.reverted != 1 {
			t.Errorf("second release: %+v, %v, reverted %d times", injection, err, w.reverted)
		}
	})
}

func TestACancelledHolderStillReverts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := lease.Hold(ctx, w, fault, lease.Terms{}); err != nil {
			t.Fatal(err)
		}
		cancel()
		synctest.Wait()
		if w.reverted != 1 || w.revertCtx != nil {
			t.Errorf("reverted %d times, with a context that says %v", w.reverted, w.revertCtx)
		}
	})
}

func TestCancellingDuringTheInjectionDoesNotLeaveAFaultBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{slow: 5 * time.Second}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		keeper, err := lease.Hold(ctx, w, fault, lease.Terms{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keeper.Release(); err != nil || w.injected != 1 || w.reverted != 1 {
			t.Errorf("injected %d, reverted %d, %v", w.injected, w.reverted, err)
		}
	})
}

func TestAHalfDoneInjectionIsReverted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{injectErr: errors.New("no effect seen")}
		if _, err := lease.Hold(t.Context(), w, fault, lease.Terms{}); !errors.Is(err, w.injectErr) {
			t.Errorf("error %v", err)
		}
		if w.reverted != 1 {
			t.Errorf("reverted %d times", w.reverted)
		}
	})
}

func TestOneLostRenewalIsSurvivedAndManyAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		keeper, err := lease.Hold(t.Context(), w, fault, lease.Terms{TTL: 9 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		w.fail(errors.New("socket busy"))
		time.Sleep(4 * time.Second)
		w.fail(nil)
		time.Sleep(20 * time.Second)
		select {
		case err := <-keeper.Lost():
			t.Fatalf("lost after one missed renewal: %v", err)
		default:
		}
		w.fail(errors.New("socket gone"))
		time.Sleep(10 * time.Second)
		select {
		case err := <-keeper.Lost():
			if err == nil {
				t.Error("lost without a reason")
			}
		default:
			t.Error("nobody was told that the lease is lost")
		}
		if _, err := keeper.Release(); err != nil {
			t.Error(err)
		}
	})
}

func TestAFailedRevertIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{revertErr: errors.New("lab is gone")}
		keeper, err := lease.Hold(t.Context(), w, fault, lease.Terms{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keeper.Release(); !errors.Is(err, w.revertErr) {
			t.Errorf("error %v", err)
		}
	})
}
