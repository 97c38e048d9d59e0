package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"tocsin/system/identity/store"
)

// maxValue bounds a value: the memory of Redis is shared by all logins.
const maxValue = 16 << 10

// value is where the value of kind and id is.
func (s *Store) value(kind, id string) string { return s.name("v:"+kind+":", id) }

// Put implements store.Volatile.
func (s *Store) Put(ctx context.Context, kind, id string, value []byte, life time.Duration) error {
	if life <= 0 { // Redis would keep it for ever
		return s.Delete(ctx, kind, id)
	}
	return s.set(ctx, kind, id, value, redis.SetArgs{TTL: max(life, time.Millisecond)})
}

// Update implements store.Volatile.
func (s *Store) Update(ctx context.Context, kind, id string, value []byte, life time.Duration) error {
	if life <= 0 {
		return fmt.Errorf("update %s: %w", kind, errors.Join(store.ErrNotFound, s.Delete(ctx, kind, id)))
	}
	return s.set(ctx, kind, id, value, redis.SetArgs{Mode: "XX", TTL: max(life, time.Millisecond)})
}

func (s *Store) set(ctx context.Context, kind, id string, value []byte, args redis.SetArgs) error {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	if len(value) > maxValue {
		return fmt.Errorf("put %s: %d bytes, more than %d", kind, len(value), maxValue)
	}
	err := s.client.SetArgs(ctx, s.value(kind, id), value, args).Err()
	if errors.Is(err, redis.Nil) {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("put %s: %w", kind, err)
	}
	return nil
}

// Get implements store.Volatile.
func (s *Store) Get(ctx context.Context, kind, id string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	value, err := s.client.Get(ctx, s.value(kind, id)).Bytes()
	if errors.Is(err, redis.Nil) {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", kind, err)
	}
	return value, nil
}

// Delete implements store.Volatile.
func (s *Store) Delete(ctx context.Context, kind, id string) error {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	if err := s.client.Del(ctx, s.value(kind, id)).Err(); err != nil {
		return fmt.Errorf("delete %s: %w", kind, err)
	}
	return nil
}
