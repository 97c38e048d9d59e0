package pkcs11pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/miekg/pkcs11"

	"tocsin/system/hsm/protocol"
)

var (
	// ErrUnavailable means the token cannot do it now; trying again later may help.
	ErrUnavailable = errors.New("token is unavailable")
	// ErrNoKey means that the token has no such key for that algorithm.
	ErrNoKey = errors.New("token has no such key")
	// ErrNotForUs means that a sealed key cannot be opened by this token.
	ErrNotForUs = errors.New("key is not sealed for this token")
)

// Config says which token to sign with.
type Config struct {
	// Module is the path of the PKCS#11 library.
	Module string
	// TokenLabel finds the token.
	TokenLabel string
	// PIN is the user PIN.
	PIN string
	// Sessions bounds the operations that run at once; 8 when zero.
	Sessions int
	// Timeout bounds one signature, waiting for a session included; 500 ms
	// when zero. A call into the library that hangs longer keeps its session
	// busy but not its caller.
	Timeout time.Duration
	// RSABits is the modulus of new RSA signing keys; 3072 when zero.
	RSABits int
}

func (c *Config) defaults() {
	if c.Sessions == 0 {
		c.Sessions = 8
	}
	if c.Timeout == 0 {
		c.Timeout = 500 * time.Millisecond
	}
	if c.RSABits == 0 {
		c.RSABits = 3072
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
	// changing holds the right to make and remove objects: not every library
	// makes keys safely from two threads.
	changing chan struct{}

	mu sync.RWMutex
	// keys are those of the library's life number keysOf.
	keys   map[protocol.ID]Key
	keysOf uint64
}

// session is an open PKCS#11 session with the handles of private keys in it.
type session struct {
	handle     pkcs11.SessionHandle
	keys       map[protocol.ID]pkcs11.ObjectHandle
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
		changing: make(chan struct{}, 1),
	}
	for range config.Sessions {
		pool.sessions <- nil
	}
	return pool, nil
}

// Sign signs a SHA-256 digest and returns the signature as in a JWS. It fails
// with ErrNoKey or ErrUnavailable.
func (p *Pool) Sign(ctx context.Context, id protocol.ID, algorithm jose.SignatureAlgorithm, digest []byte) ([]byte, error) {
	return p.signAs(ctx, id, string(algorithm), algorithm, digest)
}

// Attest signs a SHA-256 digest with the attestation key, and names it.
func (p *Pool) Attest(ctx context.Context, digest []byte) (signature []byte, id protocol.ID, err error) {
	keys, err := p.Keys(ctx)
	if err != nil {
		return nil, id, err
	}
	node, missing := nodeOf(keys)
	if len(missing) > 0 {
		return nil, id, fmt.Errorf("%w: %v", ErrNoKey, missing)
	}
	if id, err = protocol.IDOf(node.Attest); err != nil {
		return nil, id, err
	}
	signature, err = p.signAs(ctx, id, attestLabel, jose.ES256, digest)
	return signature, id, err
}

func (p *Pool) signAs(ctx context.Context, id protocol.ID, label string, algorithm jose.SignatureAlgorithm, digest []byte) ([]byte, error) {
	if len(digest) != digestSize {
		return nil, fmt.Errorf("sign: digest has %d bytes, want %d", len(digest), digestSize)
	}
	key, err := p.key(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	if key.Label != label {
		return nil, fmt.Errorf("sign: %w: %s for %s", ErrNoKey, id, label)
	}
	var signature []byte
	err = p.do(ctx, func(s *session) (err error) {
		signature, err = p.sign(s, key, algorithm, digest)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return signature, nil
}

// SignAll carries out several orders on one session, which costs less than one
// by one. Where it fails, with ErrUnavailable, none of the answers counts.
func (p *Pool) SignAll(ctx context.Context, orders []protocol.Order) ([]protocol.Answer, error) {
	answers := make([]protocol.Answer, len(orders))
	keys := make([]Key, len(orders))
	for i, order := range orders {
		key, err := p.key(ctx, order.Key)
		if err != nil && !errors.Is(err, ErrNoKey) {
			return nil, fmt.Errorf("sign: %w", err)
		}
		if err != nil || key.Label != string(order.Algorithm) {
			answers[i].Outcome = protocol.NoKey
		}
		keys[i] = key
	}
	done := 0 // a second try goes on where the first ended
	err := p.do(ctx, func(s *session) (err error) {
		for ; done < len(orders); done++ {
			if answers[done].Outcome == protocol.NoKey {
				continue
			}
			answers[done].Signature, err = p.sign(s, keys[done], orders[done].Algorithm, orders[done].Digest[:])
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return answers, nil
}

func (p *Pool) sign(s *session, key Key, algorithm jose.SignatureAlgorithm, digest []byte) ([]byte, error) {
	private, err := p.private(s, key.ID)
	if err != nil {
		return nil, err
	}
	return signWith(p.library.ctx, s.handle, private, key, algorithm, digest)
}

func signWith(ctx *pkcs11.Ctx, handle pkcs11.SessionHandle, private pkcs11.ObjectHandle, key Key, algorithm jose.SignatureAlgorithm, digest []byte) ([]byte, error) {
	mechanism, input := signingMechanism(algorithm, digest)
	if err := ctx.SignInit(handle, []*pkcs11.Mechanism{mechanism}, private); err != nil {
		return nil, fmt.Errorf("C_SignInit: %w", err)
	}
	signature, err := ctx.Sign(handle, input)
	if err != nil {
		return nil, fmt.Errorf("C_Sign: %w", err)
	}
	if algorithm == jose.ES256 {
		if len(signature) != 2*digestSize {
			return nil, fmt.Errorf("C_Sign: %d bytes, want 64: the key is not on P-256", len(signature))
		}
		return signature, nil
	}
	// One faulty RSA signature gives the key away where it is made with the
	// Chinese remainder theorem (Boneh, DeMillo, Lipton), and checking costs a
	// twentieth of signing.
	if !protocol.Verify(algorithm, key.Public, digest, signature) {
		return nil, errors.New("C_Sign: the signature does not verify")
	}
	return signature, nil
}

// private returns the handle of a private key in the session.
func (p *Pool) private(s *session, id protocol.ID) (pkcs11.ObjectHandle, error) {
	if handle, known := s.keys[id]; known {
		return handle, nil
	}
	handle, err := findByID(p.library.ctx, s.handle, pkcs11.CKO_PRIVATE_KEY, id)
	if err != nil {
		return 0, err
	}
	s.keys[id] = handle
	return handle, nil
}

// Keys returns the key pairs of the token; once read without asking it again
// until they change.
func (p *Pool) Keys(ctx context.Context) (map[protocol.ID]Key, error) {
	if keys := p.known(); keys != nil {
		return maps.Clone(keys), nil
	}
	if err := p.do(ctx, p.learn); err != nil {
		return nil, fmt.Errorf("read public keys: %w", err)
	}
	return maps.Clone(p.known()), nil
}

func (p *Pool) key(ctx context.Context, id protocol.ID) (Key, error) {
	keys := p.known()
	if keys == nil {
		if err := p.do(ctx, p.learn); err != nil {
			return Key{}, fmt.Errorf("read public keys: %w", err)
		}
		keys = p.known()
	}
	key, found := keys[id]
	if !found {
		return Key{}, fmt.Errorf("%w: %s", ErrNoKey, id)
	}
	return key, nil
}

// learn reads the public keys; they may not be those of another life of the
// library, because the token may have been replaced meanwhile.
func (p *Pool) learn(s *session) error {
	keys, err := readKeys(p.library.ctx, s.handle)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys, p.keysOf = keys, s.generation
	return nil
}

func (p *Pool) known() map[protocol.ID]Key {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.keys
}

// Drill closes all sessions behind the pool's back, as an HSM does that
// reconnects: to show, at a time of one's choosing, that nobody notices.
func (p *Pool) Drill() error {
	if err := p.library.sever(p.config.TokenLabel); err != nil {
		return fmt.Errorf("drill: %w", err)
	}
	return nil
}

// Close ends all sessions and finalises the library. Calls in flight finish first.
func (p *Pool) Close() error {
	p.changing <- struct{}{}
	for range p.config.Sessions {
		<-p.sessions // their handles end with the library
	}
	return p.library.close()
}
