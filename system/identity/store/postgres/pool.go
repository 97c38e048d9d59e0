package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tocsin/system/identity/store"
	"tocsin/system/identity/store/hedge"
	"tocsin/system/internal/wire"
)

const (
	// connectTimeout bounds one try at one host, the TLS and Postgres
	// handshakes included: a frozen server accepts and then says nothing.
	connectTimeout = 1500 * time.Millisecond
	// operationTimeout is the whole patience of one operation.
	operationTimeout = 2 * time.Second
	// readAttempt bounds one try of a read, and readAfter is how long a server
	// may be silent before another is asked as well.
	readAttempt = 700 * time.Millisecond
	readAfter   = 100 * time.Millisecond
	// readRest is how long a server that failed is asked only after the others.
	readRest = time.Second
	// warningKey is where a connection keeps the last warning the server gave.
	warningKey = "warning"
)

// Config says where the cluster is.
type Config struct {
	// Hosts are host:port, in order of preference.
	Hosts          []string
	Database, User string
	TLS            wire.TLS
	// MaxConnections bounds the pool for writes, and that for reads of each host.
	MaxConnections int
}

// DB is the cluster. It looks for the server that takes writes from the start,
// and again after every loss.
type DB struct {
	write   *pgxpool.Pool
	primary *search
	// readers are the hosts, each with a pool of its own.
	readers *hedge.Servers[*pgxpool.Pool]
}

// Open returns a DB; it does not wait for a connection.
func Open(ctx context.Context, config Config) (*DB, error) {
	aim := &aim{}
	write, err := open(ctx, config, "read-write", aim.apply)
	if err != nil {
		return nil, err
	}
	var readers []*pgxpool.Pool
	for _, host := range config.Hosts {
		alone := config
		alone.Hosts = []string{host}
		pool, err := open(ctx, alone, "any", nil)
		if err != nil {
			for _, opened := range append(readers, write) {
				opened.Close()
			}
			return nil, err
		}
		readers = append(readers, pool)
	}
	policy := hedge.Policy{
		After: readAfter, Attempt: readAttempt, Patience: operationTimeout, Rest: readRest, Parallel: 2, Verdict: isVerdict,
	}
	return &DB{write: write, primary: newSearch(write, readers, aim), readers: hedge.New(policy, readers...)}, nil
}

// Close ends all connections.
func (d *DB) Close() {
	d.primary.stop()
	d.write.Close()
	for _, reader := range d.readers.All() {
		reader.Close()
	}
}

func open(
	ctx context.Context, config Config, attributes string, before func(context.Context, *pgx.ConnConfig) error,
) (*pgxpool.Pool, error) {
	parsed, err := pgxpool.ParseConfig(dsn(config, attributes))
	if err != nil {
		return nil, fmt.Errorf("configure Postgres: %w", err)
	}
	parsed.MaxConns = int32(config.MaxConnections)
	parsed.MaxConnLifetime = 10 * time.Minute // moves connections back after a failover
	parsed.MaxConnLifetimeJitter = 2 * time.Minute
	parsed.BeforeConnect = before
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

// Refused reports whether the server understood an operation and means its no,
// so that repeating it is pointless. Conflicts with others (classes 40 and 55),
// want of resources (53) and trouble of the server itself (57, 58, XX) pass.
func Refused(err error) bool {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || !keepAfter(nil, refused) || len(refused.Code) != 5 {
		return false
	}
	switch refused.Code[:2] {
	case "40", "53", "55", "57", "58", "XX":
		return false
	}
	return true
}

// ownError is what this process found by itself: no server is to blame.
type ownError struct{ error }

func (e ownError) Unwrap() error { return e.error }

// isVerdict reports whether err is an answer that no other try would change.
func isVerdict(err error) bool {
	var own ownError
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrConsumed) ||
		errors.As(err, &own) || Refused(err)
}
