package pkcs11pool

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/miekg/pkcs11"
)

// ErrUnavailable means the token cannot sign now; trying again later may help.
var ErrUnavailable = errors.New("token is unavailable")

// Config says which key to sign with.
type Config struct {
	// Module is the path of the PKCS#11 library.
	Module string
	// TokenLabel and KeyLabel find the key pair.
	TokenLabel, KeyLabel string
	// PIN is the user PIN.
	PIN string
	// Sessions bounds the operations that run at once; 8 when zero.
	Sessions int
	// Timeout bounds one operation, waiting for a session included; 500 ms
	// when zero. A call into the library that hangs longer keeps its session
	// busy but not its caller.
	Timeout time.Duration
}

func (c *Config) defaults() {
	if c.Sessions == 0 {
		c.Sessions = 8
	}
	if c.Timeout == 0 {
		c.Timeout = 500 * time.Millisecond
	}
}

// Pool is safe for concurrent use.
type Pool struct {
	config  Config
	log     *slog.Logger
	library *library
	breaker breaker
	// sessions holds what is free; nil stands for a session not opened yet.
	sessions chan *session

	mu  sync.Mutex
	key *PublicKey
}

// PublicKey is the public half of the pool's key pair.
type PublicKey struct {
	*ecdsa.PublicKey
	// ID is the CKA_ID that both halves carry.
	ID []byte
}

// session is an open PKCS#11 session with the handle of the private key in it.
type session struct {
	handle     pkcs11.SessionHandle
	key        pkcs11.ObjectHandle
	generation uint64
}

// New returns a pool. It loads the library, but the token may appear later.
func New(config Config, log *slog.Logger) (*Pool, error) {
	config.defaults()
	ctx := pkcs11.New(config.Module)
	if ctx == nil {
		return nil, fmt.Errorf("load PKCS#11 module %s: not a usable library", config.Module)
	}
	pool := &Pool{
		config: config, log: log,
		library:  &library{ctx: ctx},
		sessions: make(chan *session, config.Sessions),
	}
	for range config.Sessions {
		pool.sessions <- nil
	}
	return pool, nil
}

// Sign signs a SHA-256 digest with ECDSA and returns r and s, 32 bytes each.
func (p *Pool) Sign(ctx context.Context, digest []byte) ([]byte, error) {
	if len(digest) != 32 {
		return nil, fmt.Errorf("sign: digest has %d bytes, want 32", len(digest))
	}
	var signature []byte
	err := p.do(ctx, func(s *session) error {
		mechanism := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil)}
		if err := p.library.ctx.SignInit(s.handle, mechanism, s.key); err != nil {
			return fmt.Errorf("C_SignInit: %w", err)
		}
		raw, err := p.library.ctx.Sign(s.handle, digest)
		if err != nil {
			return fmt.Errorf("C_Sign: %w", err)
		}
		if len(raw) != 64 {
			return fmt.Errorf("C_Sign: %d bytes, want 64: the key is not on P-256", len(raw))
		}
		signature = raw
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return signature, nil
}

// PublicKey returns the public key; after the first success without asking the token.
func (p *Pool) PublicKey(ctx context.Context) (*PublicKey, error) {
	if key := p.knownKey(); key != nil {
		return key, nil
	}
	if err := p.do(ctx, func(*session) error { return nil }); err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	return p.knownKey(), nil
}

func (p *Pool) knownKey() *PublicKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.key
}

// do runs operation on a session. The library cannot be interrupted, so the
// operation has a goroutine of its own which gives the session back also when
// the caller has stopped waiting; a result that comes too late is dropped.
func (p *Pool) do(ctx context.Context, operation func(*session) error) error {
	ctx, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	if !p.breaker.allow(time.Now()) {
		return fmt.Errorf("%w: it failed repeatedly and is left alone for a moment", ErrUnavailable)
	}
	var current *session
	select {
	case current = <-p.sessions:
	case <-ctx.Done():
		p.breaker.abstain()
		return fmt.Errorf("%w: no session became free: %w", ErrUnavailable, ctx.Err())
	}
	done := make(chan error, 1)
	go func() {
		used, err := p.attempt(current, operation)
		p.breaker.record(err == nil, time.Now())
		p.sessions <- used
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: the library did not answer: %w", ErrUnavailable, ctx.Err())
	}
}

// Close ends all sessions and finalises the library. Calls in flight finish first.
func (p *Pool) Close() error {
	for range p.config.Sessions {
		<-p.sessions // their handles end with the library
	}
	return p.library.close()
}
