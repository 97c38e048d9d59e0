package statuslist

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// Type is the typ of a Status List Token, and MediaType what it is served as
// (Token Status List, 5.1 and 8.2).
const (
	Type      = "statuslist+jwt"
	MediaType = "application/statuslist+jwt"
)

// Records tells what is revoked.
type Records interface {
	Revoked(ctx context.Context, since time.Time) (serials []uint64, err error)
	Next(ctx context.Context) (serial uint64, err error)
}

// Signer makes the token, with the certificates in x5c.
type Signer interface {
	JWT(ctx context.Context, typ string, claims any) (string, error)
}

// Config is what a publisher needs.
type Config struct {
	Entries *Entries
	Records Records
	Signer  Signer
	// Folder keeps what is published over a restart. It is this host's own.
	Folder string
	// TTL is how long verifiers may keep a list before they ask again, Life how
	// long it is valid: the longest loss of everything that verifiers survive.
	TTL, Life time.Duration
	// Poll is how often other processes' revocations are looked for.
	Poll time.Duration
	Now  func() time.Time
	Log  *slog.Logger
}

// Defaults of the times.
const (
	DefaultTTL  = 5 * time.Minute
	DefaultLife = 24 * time.Hour
	DefaultPoll = 5 * time.Second
)

func (c Config) withDefaults() Config {
	if c.TTL == 0 {
		c.TTL = DefaultTTL
	}
	if c.Life == 0 {
		c.Life = DefaultLife
	}
	if c.Poll == 0 {
		c.Poll = DefaultPoll
	}
	return c
}

const (
	// overlap is how far back each look goes beyond the one before: replicas
	// lag, and clocks differ.
	overlap = 10 * time.Minute
	// whole is how often everything is read again, whatever the overlap missed.
	whole = time.Hour
)

// Publisher keeps the lists. It is safe for concurrent use.
type Publisher struct {
	Config
	wake     chan struct{}
	served   atomic.Pointer[shelf]
	renewing sync.Mutex // one renewal at a time

	mu    sync.Mutex
	lists map[uint64]*tracked
	// looked and lookedWhole are when Records last answered.
	looked, lookedWhole time.Time
}

// tracked is what is known of a list: its version counts the changes, and
// published is the version that is served. To be published without a change it
// is encoded already.
type tracked struct {
	list               *List
	encoded            Encoded
	version, published uint64
}

// shelf is what is served; it never changes.
type shelf struct {
	documents map[uint64]*document
	// count is how many lists there are, 0 until Records has answered: only then
	// is it sure that a list does not exist.
	count uint64
}

// New returns a publisher that already serves what the folder has.
func New(config Config) (*Publisher, error) {
	p := &Publisher{Config: config.withDefaults(), wake: make(chan struct{}, 1), lists: map[uint64]*tracked{}}
	kept, err := load(p.Folder)
	if err != nil {
		return nil, err
	}
	documents := map[uint64]*document{}
	for number, token := range kept {
		d, list, err := p.parse(number, token)
		if err != nil { // it is made again from the records
			p.Log.Warn("status list in folder not used", "folder", p.Folder, "list", number, "error", err)
			continue
		}
		documents[number] = d
		p.lists[number] = &tracked{list: list, version: 1, published: 1}
	}
	p.served.Store(&shelf{documents: documents})
	return p, nil
}

// Revoke sets entries now and has their lists published at once. The caller
// has made the revocation durable.
func (p *Publisher) Revoke(serials []uint64) {
	p.mu.Lock()
	p.revoke(serials)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default: // already asked
	}
}

func (p *Publisher) revoke(serials []uint64) {
	for _, serial := range serials {
		number, index := p.Entries.Of(serial)
		if t := p.track(number); !t.list.Revoked(index) {
			t.list.Revoke(index)
			t.version++
		}
	}
}

func (p *Publisher) track(number uint64) *tracked {
	t, known := p.lists[number]
	if !known {
		t = &tracked{list: NewList(), version: 1}
		p.lists[number] = t
	}
	return t
}

// Run keeps the lists current until ctx ends.
func (p *Publisher) Run(ctx context.Context) {
	ticker := time.NewTicker(p.Poll)
	defer ticker.Stop()
	for {
		var soon <-chan time.Time
		if err := p.Renew(ctx); err != nil && ctx.Err() == nil {
			p.Log.WarnContext(ctx, "status lists not renewed; those published stay", "error", err)
			if len(p.served.Load().documents) == 0 { // nothing is published at all
				soon = time.After(retryFirst)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-soon:
		case <-p.wake:
		}
	}
}

// retryFirst is the pause until the first lists are tried again: a provider
// that starts waits for its keys, and verifiers for it.
const retryFirst = 500 * time.Millisecond

// renewLimit bounds one renewal.
const renewLimit = 30 * time.Second

// Renew looks for revocations and publishes every list that changed or is at
// half its time to live. When the records cannot be read, only lists with a
// revocation that is known here are published: signing an old list anew would
// call it newer than it is.
func (p *Publisher) Renew(ctx context.Context) error {
	p.renewing.Lock()
	defer p.renewing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, renewLimit)
	defer cancel()
	lookErr := p.look(ctx)
	var problems []error
	if lookErr != nil {
		problems = append(problems, lookErr)
	}
	for number, list := range p.due(lookErr == nil) {
		if err := p.publish(ctx, number, list); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// look reads what is new from the records.
func (p *Publisher) look(ctx context.Context) error {
	p.mu.Lock()
	now, since, all := p.Now(), p.looked.Add(-overlap), false
	if p.lookedWhole.IsZero() || now.Sub(p.lookedWhole) >= whole {
		since, all = time.Time{}, true
	}
	p.mu.Unlock()
	serials, err := p.Records.Revoked(ctx, since)
	if err != nil {
		return fmt.Errorf("read revocations: %w", err)
	}
	next, err := p.Records.Next(ctx)
	if err != nil {
		return fmt.Errorf("read number of credentials: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looked = now
	if all {
		p.lookedWhole = now
	}
	p.revoke(serials)
	// One list ahead is there before a credential refers to it.
	count := next/Size + 2
	for number := range count {
		p.track(number)
	}
	before := p.served.Load()
	p.served.Store(&shelf{documents: before.documents, count: max(before.count, count)})
	return nil
}

// due returns copies of the lists to publish: those that changed and, if what
// is known is current, those at half their time to live.
func (p *Publisher) due(current bool) map[uint64]tracked {
	documents := p.served.Load().documents
	p.mu.Lock()
	defer p.mu.Unlock()
	lists := map[uint64]tracked{}
	for number, t := range p.lists {
		shown, published := documents[number]
		aging := published && p.Now().Sub(shown.claims.issued()) >= p.TTL/2
		switch {
		case t.version != t.published:
			lists[number] = tracked{list: t.list.clone(), version: t.version}
		case current && aging:
			lists[number] = tracked{encoded: shown.claims.List, version: t.version}
		}
	}
	return lists
}

// publish signs a list, puts it in the folder and serves it.
func (p *Publisher) publish(ctx context.Context, number uint64, t tracked) error {
	d, err := p.sign(ctx, number, t)
	if err != nil {
		return fmt.Errorf("publish status list %d: %w", number, err)
	}
	// It is served even if it cannot be kept: a revocation must be seen.
	saveErr := save(p.Folder, number, d.token)
	before := p.served.Load()
	documents := maps.Clone(before.documents)
	documents[number] = d
	p.served.Store(&shelf{documents: documents, count: before.count})
	p.mu.Lock()
	p.lists[number].published = t.version
	p.mu.Unlock()
	if saveErr != nil {
		return fmt.Errorf("publish status list %d: %w", number, saveErr)
	}
	return nil
}

func (p *Publisher) sign(ctx context.Context, number uint64, t tracked) (*document, error) {
	if t.list != nil {
		var err error
		if t.encoded, err = t.list.Encode(); err != nil {
			return nil, err
		}
	}
	now := p.Now()
	claims := claims{
		Subject: p.Entries.URI(number), IssuedAt: now.Unix(), Expires: now.Add(p.Life).Unix(),
		TTL: int64(p.TTL / time.Second), List: t.encoded,
	}
	token, err := p.Signer.JWT(ctx, Type, claims)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return newDocument([]byte(token), claims)
}

// Age returns how old the oldest list is, and false when there is none. It
// grows beyond half the time to live when the lists cannot be renewed.
func (p *Publisher) Age() (time.Duration, bool) {
	var oldest time.Duration
	documents := p.served.Load().documents
	for _, d := range documents {
		oldest = max(oldest, p.Now().Sub(d.claims.issued()))
	}
	return oldest, len(documents) > 0
}
