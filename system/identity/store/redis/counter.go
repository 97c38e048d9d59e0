package redis

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"tocsin/system/identity/attempts"
)

// counterBudget is how long a count may take: a login goes on without it.
const counterBudget = 150 * time.Millisecond

// forget takes one from each count that is there, which DECR would make if it
// were not, and below zero.
const forget = `
for _, key in ipairs(KEYS) do
	local count = tonumber(redis.call('GET', key) or '0')
	if count > 0 then redis.call('DECR', key) end
end
return 0`

func (s *Store) counters(keys []attempts.Key) []string {
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = s.name("n:", key.Name)
	}
	return names
}

// Count implements attempts.Counter. Counting and setting the end are one
// transaction, so that no count stays for ever.
func (s *Store) Count(ctx context.Context, keys ...attempts.Key) ([]int, error) {
	ctx, cancel := context.WithTimeout(ctx, counterBudget)
	defer cancel()
	counts := make([]*redis.IntCmd, len(keys))
	_, err := s.client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, name := range s.counters(keys) {
			counts[i] = pipe.Incr(ctx, name)
			// NX: the window begins with the first attempt.
			pipe.Do(ctx, "PEXPIRE", name, max(keys[i].Window, time.Millisecond).Milliseconds(), "NX")
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count attempt: %w", err)
	}
	values := make([]int, len(keys))
	for i, count := range counts {
		values[i] = int(count.Val())
	}
	return values, nil
}

// Forget implements attempts.Counter.
func (s *Store) Forget(ctx context.Context, keys ...attempts.Key) error {
	ctx, cancel := context.WithTimeout(ctx, counterBudget)
	defer cancel()
	if err := s.client.Eval(ctx, forget, s.counters(keys)).Err(); err != nil {
		return fmt.Errorf("forget attempt: %w", err)
	}
	return nil
}
