package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tocsin/system/internal/wire"
)

const (
	// searchEvery is how often one connection looks for the primary while
	// none is known.
	searchEvery = 200 * time.Millisecond
	// searchAttempt bounds one look at all hosts.
	searchAttempt = 2 * time.Second
	// avoidFor is how long a host that could not be reached is passed over.
	avoidFor = time.Second
	// reachTimeout bounds the opening of a connection: the hosts are in one
	// region, a millisecond apart.
	reachTimeout = 300 * time.Millisecond
)

// search finds the primary again after it was lost. While it looks, with one
// connection at a time, writers wait for it: were each of them to look, the
// surviving servers would spend their time on handshakes instead of taking over.
type search struct {
	pool *pgxpool.Pool
	ctx  context.Context // ends with the DB
	stop context.CancelFunc

	mu    sync.Mutex
	round int           // how often the primary was lost
	found chan struct{} // closed while a primary is known
}

func newSearch(pool *pgxpool.Pool) *search {
	ctx, stop := context.WithCancel(context.Background())
	made := &search{pool: pool, ctx: ctx, stop: stop, found: make(chan struct{})}
	close(made.found)
	return made
}

// await blocks until a primary is known, and tells which round that is.
func (s *search) await(ctx context.Context) (round int, err error) {
	s.mu.Lock()
	round, found := s.round, s.found
	s.mu.Unlock()
	select {
	case <-found:
		return round, nil
	case <-ctx.Done():
		return round, fmt.Errorf("wait for a primary: %w", ctx.Err())
	}
}

// lost begins to look for the primary. A writer of an earlier round tells
// nothing new: the primary may have been found since.
func (s *search) lost(round int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if round != s.round {
		return
	}
	s.round++
	s.found = make(chan struct{})
	go s.look(s.found)
}

func (s *search) look(found chan struct{}) {
	s.pool.Reset()
	tick := time.NewTicker(searchEvery)
	defer tick.Stop()
	for {
		attempt, cancel := context.WithTimeout(s.ctx, searchAttempt)
		err := s.pool.Ping(attempt)
		cancel()
		if err == nil {
			close(found)
			return
		}
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// errAvoided means that a host was not tried because it could not be reached
// a moment ago.
var errAvoided = errors.New("host could not be reached a moment ago")

// reacher opens connections and remembers which hosts cannot be reached, so
// that a dead one costs its timeout once and not with every connection.
type reacher struct {
	dialer *net.Dialer
	mu     sync.Mutex
	failed map[string]time.Time
}

func newReacher() *reacher {
	dialer := wire.Dialer()
	dialer.Timeout = reachTimeout
	return &reacher{dialer: dialer, failed: map[string]time.Time{}}
}

func (r *reacher) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if r.avoided(address) {
		return nil, fmt.Errorf("%s: %w", address, errAvoided)
	}
	connection, err := r.dialer.DialContext(ctx, network, address)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.failed[address] = time.Now()
		return nil, err
	}
	delete(r.failed, address)
	return connection, nil
}

func (r *reacher) avoided(address string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Since(r.failed[address]) < avoidFor
}
