package redis

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"tocsin/system/identity/store"
	"tocsin/system/identity/transaction"
	"tocsin/system/internal/wire"
)

const (
	readTimeout = 800 * time.Millisecond
	// operationTimeout is the whole patience of one operation.
	operationTimeout = 2 * time.Second
)

// SilenceLibrary stops the Redis library from writing to standard error: every
// failed command returns its error, and an outage must not become a flood of
// lines. It changes the whole process, so only a main calls it.
func SilenceLibrary() { logging.Disable() }

// Config says where the Sentinels are.
type Config struct {
	// Sentinels are host:port, in order of preference.
	Sentinels                  []string
	Master                     string
	Password, SentinelPassword string
}

// Store implements transaction.Store and the replay marks.
type Store struct {
	client *redis.Client
}

// Open returns a store; it connects when it is first used.
func Open(config Config, tlsConfig *tls.Config) *Store {
	return &Store{client: redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: config.Master, SentinelAddrs: config.Sentinels,
		Password: config.Password, SentinelPassword: config.SentinelPassword,
		Dialer:      dialer(tlsConfig),
		DialTimeout: wire.DialTimeout, DialerRetries: 1,
		ReadTimeout: readTimeout, WriteTimeout: readTimeout, PoolTimeout: readTimeout,
		ContextTimeoutEnabled: true,
		// Every command here may be repeated without harm.
		MaxRetries: 2, MinRetryBackoff: 20 * time.Millisecond, MaxRetryBackoff: 200 * time.Millisecond,
		PoolSize: 16, PipelinePoolSize: -1, Protocol: 2, DisableIdentity: true,
	})}
}

func dialer(config *tls.Config) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, 2*wire.DialTimeout)
		defer cancel()
		return (&tls.Dialer{NetDialer: wire.Dialer(), Config: config}).DialContext(ctx, network, address)
	}
}

// Close ends all connections.
func (s *Store) Close() error { return s.client.Close() }

func transactionKey(id string) string { return "tx:" + id }
func attemptsKey(id string) string    { return "tx:" + id + ":attempts" }

// Create implements transaction.Store.
func (s *Store) Create(ctx context.Context, id string, t *transaction.Transaction, life time.Duration) error {
	return s.set(ctx, id, t, redis.SetArgs{TTL: life})
}

// Update implements transaction.Store.
func (s *Store) Update(ctx context.Context, id string, t *transaction.Transaction) error {
	return s.set(ctx, id, t, redis.SetArgs{Mode: "XX", KeepTTL: true})
}

func (s *Store) set(ctx context.Context, id string, t *transaction.Transaction, args redis.SetArgs) error {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	value, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode login transaction: %w", err)
	}
	err = s.client.SetArgs(ctx, transactionKey(id), value, args).Err()
	if errors.Is(err, redis.Nil) {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("write login transaction: %w", err)
	}
	return nil
}

// Transaction implements transaction.Store.
func (s *Store) Transaction(ctx context.Context, id string) (*transaction.Transaction, error) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	value, err := s.client.Get(ctx, transactionKey(id)).Bytes()
	if errors.Is(err, redis.Nil) {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read login transaction: %w", err)
	}
	found := &transaction.Transaction{}
	if err := json.Unmarshal(value, found); err != nil {
		return nil, fmt.Errorf("decode login transaction: %w", err)
	}
	return found, nil
}

// CountAttempt implements transaction.Store.
func (s *Store) CountAttempt(ctx context.Context, id string, life time.Duration) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	var count *redis.IntCmd
	_, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		count = pipe.Incr(ctx, attemptsKey(id))
		pipe.PExpire(ctx, attemptsKey(id), life)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("count PIN attempt: %w", err)
	}
	return int(count.Val()), nil
}

// ForgetAttempt implements transaction.Store.
func (s *Store) ForgetAttempt(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	if err := s.client.Decr(ctx, attemptsKey(id)).Err(); err != nil {
		return fmt.Errorf("forget PIN attempt: %w", err)
	}
	return nil
}

// Claim implements clientauth.Replays. The mark names the attempt: when an
// answer is lost and the command is repeated, the attempt finds its own mark.
func (s *Store) Claim(ctx context.Context, key, attempt string, life time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	before, err := s.client.SetArgs(ctx, "jti:"+key, attempt, redis.SetArgs{Mode: "NX", Get: true, TTL: life}).Result()
	if errors.Is(err, redis.Nil) || (err == nil && before == attempt) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("mark assertion as used: %w", err)
	}
	return fmt.Errorf("mark assertion as used: %w", store.ErrConsumed)
}

// Disclaim implements clientauth.Replays.
func (s *Store) Disclaim(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	if err := s.client.Del(ctx, "jti:"+key).Err(); err != nil {
		return fmt.Errorf("unmark assertion: %w", err)
	}
	return nil
}

// Copies counts the copies a write has now: the primary and its replicas that
// are in step.
func (s *Store) Copies(ctx context.Context) (int, error) {
	info, err := s.client.Info(ctx, "replication").Result()
	if err != nil {
		return 0, fmt.Errorf("ask Redis: %w", err)
	}
	return copies(info)
}

func copies(info string) (int, error) {
	primary, online := false, 0
	lines := bufio.NewScanner(strings.NewReader(info))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		switch {
		case key == "role":
			primary = value == "master"
		case strings.HasPrefix(key, "slave") && strings.Contains(value, "state=online"):
			online++
		}
	}
	if err := lines.Err(); err != nil {
		return 0, fmt.Errorf("read Redis replication: %w", err)
	}
	if !primary {
		return 0, errors.New("the Redis server that Sentinel names is no primary")
	}
	return 1 + online, nil
}
