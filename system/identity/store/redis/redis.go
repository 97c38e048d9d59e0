package redis

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

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

// Store implements store.Volatile and attempts.Counter.
type Store struct {
	client *redis.Client
	key    []byte
}

// Open returns a store; it connects when it is first used. What it keeps is
// under hashes with key, which all zones share: ids are guessable, individual
// ids above all, and a dump of Redis must not tell them.
func Open(config Config, key []byte, tlsConfig *tls.Config) *Store {
	return &Store{key: key, client: redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: config.Master, SentinelAddrs: config.Sentinels,
		Password: config.Password, SentinelPassword: config.SentinelPassword,
		Dialer:      dialer(tlsConfig),
		DialTimeout: wire.DialTimeout, DialerRetries: 1,
		ReadTimeout: readTimeout, WriteTimeout: readTimeout, PoolTimeout: readTimeout,
		ContextTimeoutEnabled: true,
		// Every command here may be repeated: what counts twice errs on the
		// safe side.
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

// name is where Redis has what belongs to id.
func (s *Store) name(prefix, id string) string {
	hash := hmac.New(sha256.New, s.key)
	hash.Write([]byte(prefix))
	hash.Write([]byte(id))
	return prefix + base64.RawURLEncoding.EncodeToString(hash.Sum(nil))
}

// Close ends all connections.
func (s *Store) Close() error { return s.client.Close() }

// Copies counts the copies a write has now: the primary and its replicas that
// are in step.
func (s *Store) Copies(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
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
