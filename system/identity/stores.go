package identity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tocsin/system/hsm/client"
	"tocsin/system/identity/secret"
	"tocsin/system/identity/store/etcd"
	"tocsin/system/identity/store/postgres"
	"tocsin/system/identity/store/redis"
)

// stores is all that a provider stands on outside its own host. None of them
// connects before it is used, so a provider starts whatever is away, in any
// order.
type stores struct {
	db          *postgres.DB
	etcd        *etcd.Cluster
	spent       *etcd.Spent
	revocations *etcd.Revocations
	ring        *etcd.Ring
	redis       *redis.Store
	hsm         *client.Client
}

func openStores(ctx context.Context, config *Config, secrets *secret.Keys, log *slog.Logger) (opened *stores, err error) {
	s := &stores{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	etcdTLS, err := config.or(config.Etcd.TLS).Client()
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	redisTLS, err := config.or(config.Redis.TLS).Client()
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	hsmTLS, err := config.or(config.HSM.TLS).Client()
	if err != nil {
		return nil, fmt.Errorf("hsm: %w", err)
	}
	redisConfig, err := config.redis()
	if err != nil {
		return nil, err
	}
	s.db, err = postgres.Open(ctx, config.postgres())
	if err != nil {
		return nil, err
	}
	s.etcd, err = etcd.Open(config.Etcd.Endpoints, etcdTLS)
	if err != nil {
		return nil, err
	}
	s.spent = etcd.NewSpent(s.etcd, config.Etcd.Prefix, time.Now, log)
	s.revocations = etcd.NewRevocations(s.etcd, config.Etcd.Prefix, time.Now, log)
	s.ring = etcd.NewRing(s.etcd, config.Etcd.Prefix)
	s.redis = redis.Open(redisConfig, secrets.Lasting("redis"), redisTLS)
	s.hsm = client.New(config.HSM.Nodes, hsmTLS)
	return s, nil
}

func (s *stores) close() error {
	var problems []error
	if s.db != nil {
		s.db.Close()
	}
	if s.etcd != nil {
		problems = append(problems, s.etcd.Close())
	}
	if s.redis != nil {
		problems = append(problems, s.redis.Close())
	}
	if s.hsm != nil {
		s.hsm.Close()
	}
	return errors.Join(problems...)
}
