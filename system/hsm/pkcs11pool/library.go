package pkcs11pool

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/miekg/pkcs11"
)

// reinitialiseLimit bounds the wait for calls in flight. A call that hangs in
// the library must not, through this lock, hang all that would still work.
const reinitialiseLimit = 300 * time.Millisecond

// library is the loaded PKCS#11 module. It may be finalised only while no call
// is inside, which the lock ensures; generation counts its lives.
type library struct {
	ctx *pkcs11.Ctx

	lock       sync.RWMutex
	started    bool
	generation uint64

	single sync.Mutex
}

// enter allows calls into the library until leave, initialising it first when
// it never was.
func (l *library) enter() (uint64, error) {
	l.lock.RLock()
	if l.started {
		return l.generation, nil
	}
	generation := l.generation
	l.lock.RUnlock()
	if err := l.reinitialise(generation); err != nil {
		return generation, err
	}
	l.lock.RLock()
	return l.generation, nil
}

func (l *library) leave() { l.lock.RUnlock() }

// reinitialise starts the library anew unless somebody else already did since
// generation.
func (l *library) reinitialise(generation uint64) error {
	l.single.Lock()
	defer l.single.Unlock()
	if !l.lockWithin(reinitialiseLimit) {
		return errors.New("initialise library: calls in flight do not return")
	}
	defer l.lock.Unlock()
	if l.generation != generation {
		return nil
	}
	if l.started {
		err := l.ctx.Finalize()
		if err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)) {
			return fmt.Errorf("C_Finalize: %w", err)
		}
	}
	l.started = false
	err := l.ctx.Initialize()
	if err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)) {
		return fmt.Errorf("C_Initialize: %w", err)
	}
	l.started = true
	l.generation++
	return nil
}

// lockWithin tries for the write lock without queueing for it, because a
// queued writer would stop new readers.
func (l *library) lockWithin(limit time.Duration) bool {
	deadline := time.Now().Add(limit)
	for !l.lock.TryLock() {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(2 * time.Millisecond)
	}
	return true
}

// slot finds the token by its label; slot numbers are not stable across
// initialisations.
func (l *library) slot(label string) (uint, error) {
	slots, err := l.ctx.GetSlotList(true)
	if err != nil {
		return 0, fmt.Errorf("C_GetSlotList: %w", err)
	}
	for _, slot := range slots {
		info, err := l.ctx.GetTokenInfo(slot)
		if err != nil {
			return 0, fmt.Errorf("C_GetTokenInfo: %w", err)
		}
		if info.Label == label {
			return slot, nil
		}
	}
	return 0, fmt.Errorf("no token has the label %q", label)
}

// sever closes all sessions of the token while no call is inside: some
// libraries do not survive it otherwise.
func (l *library) sever(label string) error {
	l.lock.Lock()
	defer l.lock.Unlock()
	if !l.started {
		return nil
	}
	slot, err := l.slot(label)
	if err != nil {
		return err
	}
	if err := l.ctx.CloseAllSessions(slot); err != nil {
		return fmt.Errorf("C_CloseAllSessions: %w", err)
	}
	return nil
}

func (l *library) close() error {
	l.lock.Lock()
	defer l.lock.Unlock()
	if !l.started {
		return nil
	}
	l.started = false
	err := l.ctx.Finalize()
	if err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)) {
		return fmt.Errorf("C_Finalize: %w", err)
	}
	return nil
}
