package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tocsin/system/internal/wire"
)

const (
	// searchEvery is how often the servers are asked which of them takes writes,
	// while none is known.
	searchEvery = 200 * time.Millisecond
	// searchAttempt bounds one round of questions, and the opening of the first
	// connection to the one that says yes.
	searchAttempt, firstAttempt = 300 * time.Millisecond, 2 * time.Second
	// secondClaim is how long the others may still answer after one said yes.
	secondClaim = 50 * time.Millisecond
	// avoidFor is how long a host that could not be reached is passed over.
	avoidFor = time.Second
	// reachTimeout bounds the opening of a connection: the hosts are in one
	// region, a millisecond apart.
	reachTimeout = 300 * time.Millisecond
	// askTimeline is 0 of a standby, and the timeline of a server that takes
	// writes: every failover begins a higher one.
	askTimeline = `SELECT CASE WHEN pg_is_in_recovery() THEN 0
		ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int END`
)

// search finds the primary again after it was lost. It asks over connections
// that are open already, those of the reads, and writers wait for it: a
// connection costs a handshake and a process, and the surviving servers would
// spend their time on those instead of taking over.
type search struct {
	write   *pgxpool.Pool
	readers []*pgxpool.Pool // of each host
	aim     *aim
	ctx     context.Context // ends with the DB
	stop    context.CancelFunc

	mu    sync.Mutex
	round int           // how often the primary was lost
	found chan struct{} // closed while a primary is known
}

func newSearch(write *pgxpool.Pool, readers []*pgxpool.Pool, aim *aim) *search {
	ctx, stop := context.WithCancel(context.Background())
	made := &search{write: write, readers: readers, aim: aim, ctx: ctx, stop: stop, found: make(chan struct{})}
	go made.look(made.found, false)
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

// lost begins to look for the primary, because of err. A writer of an earlier
// round tells nothing new: the primary may have been found since.
func (s *search) lost(round int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if round != s.round {
		return
	}
	s.round++
	s.found = make(chan struct{})
	go s.look(s.found, errors.Is(err, context.DeadlineExceeded))
}

// look finds the primary. One that was slow, and nothing worse, may be waiting
// for its standby: then it is the primary still, and its connections are kept.
// All writers at once would only keep it from answering with new ones.
func (s *search) look(found chan struct{}, slow bool) {
	if !slow {
		s.aim.away()
		s.write.Reset()
	}
	tick := time.NewTicker(searchEvery)
	defer tick.Stop()
	for {
		if host, claims := s.leader(); claims && s.reached(host) {
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

// leader asks every server whether it takes writes. Of two that say so, as when
// one that was frozen has not heard of its successor, it believes the one with
// the higher timeline.
func (s *search) leader() (host int, claims bool) {
	ctx, cancel := context.WithTimeout(s.ctx, searchAttempt)
	defer cancel()
	type claim struct{ host, timeline int }
	answers := make(chan claim, len(s.readers))
	for host, pool := range s.readers {
		go func() {
			said := claim{host: host}
			if pool.QueryRow(ctx, askTimeline).Scan(&said.timeline) != nil {
				said.timeline = 0 // whatever keeps it from answering would keep it from writing
			}
			answers <- said
		}()
	}
	var best claim
	for range s.readers {
		said := <-answers
		if said.timeline == 0 {
			continue
		}
		if best.timeline == 0 {
			defer time.AfterFunc(secondClaim, cancel).Stop()
		}
		if said.timeline > best.timeline {
			best = said
		}
	}
	return best.host, best.timeline > 0
}

// reached reports whether writers have a connection to a host, and opens the
// first if it is not the one that they had before.
func (s *search) reached(host int) bool {
	if s.aim.at(host) {
		s.write.Reset()
	}
	ctx, cancel := context.WithTimeout(s.ctx, firstAttempt)
	defer cancel()
	err := s.write.Ping(ctx)
	if err != nil {
		s.aim.away() // what is open may be as bad: the next round begins anew
	}
	return err == nil
}

// aim is where writers connect: to the host that the search has found, and to
// none while it looks.
type aim struct{ host atomic.Int64 }

// at takes aim at a host, and reports whether that is new.
func (a *aim) at(host int) bool { return a.host.Swap(int64(host)+1) != int64(host)+1 }

// away makes every host a new one.
func (a *aim) away() { a.host.Store(0) }

// errSought means that the primary was lost while a connection to it was about
// to be opened.
var errSought = errors.New("the primary is being looked for")

// apply makes config, which names all hosts, name only the one that is aimed at.
func (a *aim) apply(_ context.Context, config *pgx.ConnConfig) error {
	host := a.host.Load()
	if host == 0 {
		return errSought
	}
	if host > 1 {
		other := config.Fallbacks[host-2]
		config.Host, config.Port, config.TLSConfig = other.Host, other.Port, other.TLSConfig
	}
	config.Fallbacks = nil
	return nil
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
