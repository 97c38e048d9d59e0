package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tocsin/system/identity/store"
	"tocsin/system/internal/wire"
)

const (
	// connectTimeout bounds one try at one host, the TLS and Postgres
	// handshakes included: a frozen server accepts and then says nothing.
	connectTimeout = 700 * time.Millisecond
	// operationTimeout is the whole patience of one operation.
	operationTimeout = 2 * time.Second
	// readAttempt bounds one try of a read, which may go to another server next.
	readAttempt = 700 * time.Millisecond
	// forgetEvery bounds how often reads empty a pool.
	forgetEvery = time.Second
	// warningKey is where a connection keeps the last warning the server gave.
	warningKey = "warning"
)

// Config says where the cluster is.
type Config struct {
	// Hosts are host:port, in order of preference.
	Hosts          []string
	Database, User string
	TLS            wire.TLS
	// MaxConnections bounds each of the two pools.
	MaxConnections int
}

// DB is the cluster. It connects when it is first used, and again after every loss.
type DB struct {
	write, read *pgxpool.Pool
	primary     *search
	// When the pools last forgot their connections, in Unix nanoseconds.
	forgotWrite, forgotRead atomic.Int64
}

// Open returns a DB; it does not connect yet.
func Open(ctx context.Context, config Config) (*DB, error) {
	write, err := open(ctx, config, "read-write")
	if err != nil {
		return nil, err
	}
	read, err := open(ctx, config, "prefer-standby")
	if err != nil {
		write.Close()
		return nil, err
	}
	return &DB{write: write, read: read, primary: newSearch(write)}, nil
}

// Close ends all connections.
func (d *DB) Close() {
	d.primary.stop()
	d.write.Close()
	d.read.Close()
}

func open(ctx context.Context, config Config, attributes string) (*pgxpool.Pool, error) {
	parsed, err := pgxpool.ParseConfig(dsn(config, attributes))
	if err != nil {
		return nil, fmt.Errorf("configure Postgres: %w", err)
	}
	parsed.MaxConns = int32(config.MaxConnections)
	parsed.MaxConnLifetime = 10 * time.Minute // moves connections back after a failover
	parsed.MaxConnLifetimeJitter = 2 * time.Minute
	parsed.PingTimeout = 300 * time.Millisecond
	connection := parsed.ConnConfig
	connection.ConnectTimeout = connectTimeout
	connection.DialFunc = newReacher().dial
	connection.OnPgError = keepAfter
	connection.OnNotice = func(c *pgconn.PgConn, notice *pgconn.Notice) {
		if notice.SeverityUnlocalized == "WARNING" {
			c.CustomData()[warningKey] = notice.Message
		}
	}
	pool, err := pgxpool.NewWithConfig(ctx, parsed)
	if err != nil {
		return nil, fmt.Errorf("open Postgres pool: %w", err)
	}
	return pool, nil
}

func dsn(config Config, attributes string) string {
	var hosts, ports []string
	for _, address := range config.Hosts {
		colon := strings.LastIndexByte(address, ':')
		hosts = append(hosts, address[:colon])
		ports = append(ports, address[colon+1:])
	}
	var text strings.Builder
	for _, pair := range [][2]string{
		{"host", strings.Join(hosts, ",")}, {"port", strings.Join(ports, ",")},
		{"dbname", config.Database}, {"user", config.User},
		{"sslmode", "verify-full"}, {"sslcert", string(config.TLS.Cert)}, {"sslkey", string(config.TLS.Key)},
		{"sslrootcert", string(config.TLS.CA)},
		{"target_session_attrs", attributes}, {"application_name", "identity"},
	} {
		value := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(pair[1])
		fmt.Fprintf(&text, "%s='%s' ", pair[0], value)
	}
	return text.String()
}

// keepAfter reports whether a connection is still good after an error. One to
// a server that was demoted (25006) or is stopping (57P0x) answers for ever,
// and never again with what is needed.
func keepAfter(_ *pgconn.PgConn, err *pgconn.PgError) bool {
	switch err.Code {
	case "25006", "57P01", "57P02", "57P03":
		return false
	}
	return err.SeverityUnlocalized != "FATAL"
}

// query runs a read, on a standby where there is one. A server that does not
// answer in time costs one attempt, not the operation.
func (d *DB) query(ctx context.Context, pool *pgxpool.Pool, read func(context.Context, *pgxpool.Pool) error) error {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	for {
		attempt, cancelAttempt := context.WithTimeout(ctx, readAttempt)
		err := read(attempt, pool)
		cancelAttempt()
		if err == nil {
			return nil
		}
		if errors.Is(err, pgx.ErrNoRows) {
			return store.ErrNotFound
		}
		if Refused(err) {
			return err
		}
		d.forget(pool, time.Now())
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// exec runs a write that may be repeated. It waits for replication as long as
// the operation may take: cutting it short would only make it start again.
func (d *DB) exec(caller context.Context, write func(context.Context, *pgxpool.Pool) error) error {
	ctx, cancel := context.WithTimeout(caller, operationTimeout)
	defer cancel()
	for {
		round, err := d.primary.await(ctx)
		if err != nil {
			return err
		}
		if err = write(ctx, d.write); err == nil || Refused(err) {
			return err
		}
		if errors.Is(caller.Err(), context.Canceled) {
			return err // the caller has gone; that says nothing of the server
		}
		d.primary.lost(round)
		if ctx.Err() != nil {
			return err
		}
	}
}

// forget drops the pooled connections, at most once in a while: an outage makes
// every waiting read fail, and each must not tear down what the others have
// just connected.
func (d *DB) forget(pool *pgxpool.Pool, now time.Time) {
	last := &d.forgotWrite
	if pool == d.read {
		last = &d.forgotRead
	}
	before := last.Load()
	if now.UnixNano()-before < int64(forgetEvery) || !last.CompareAndSwap(before, now.UnixNano()) {
		return
	}
	pool.Reset()
}

// Refused reports whether the server understood an operation and means its no,
// so that repeating it is pointless.
func Refused(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && keepAfter(nil, refused)
}
