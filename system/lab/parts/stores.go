package parts

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"tocsin/system/lab/topology"
)

// stores keeps one connection to every Redis and Sentinel.
type stores struct {
	config  *tls.Config
	mu      sync.Mutex
	clients map[topology.Pod]*redis.Client
}

func newStores(config *tls.Config) *stores {
	return &stores{config: config, clients: map[topology.Pod]*redis.Client{}}
}

func (s *stores) client(pod topology.Pod) *redis.Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	client, known := s.clients[pod]
	if !known {
		config := s.config.Clone()
		config.ServerName = pod.Addr().String()
		client = redis.NewClient(&redis.Options{
			Addr: pod.At(pod.Port()), TLSConfig: config, PoolSize: 1, MaxRetries: -1,
			Protocol: 2, DisableIdentity: true, ContextTimeoutEnabled: true,
		})
		s.clients[pod] = client
	}
	return client
}

func (s *stores) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var failed []error
	for _, client := range s.clients {
		failed = append(failed, client.Close())
	}
	return errors.Join(failed...)
}

// redis asks a server for its side of the replication.
func (s *stores) redis(ctx context.Context, pod topology.Pod) (string, error) {
	info, err := s.client(pod).Info(ctx, "replication").Result()
	if err != nil {
		return "", err
	}
	fields := parseInfo(info)
	if fields["role"] == "master" {
		return "primary", nil
	}
	if fields["master_link_status"] != "up" {
		return "replica", fmt.Errorf("link to primary %s is %s", fields["master_host"], fields["master_link_status"])
	}
	return "replica", nil
}

// sentinel asks whether enough sentinels agree to fail over.
func (s *stores) sentinel(ctx context.Context, pod topology.Pod) error {
	return s.client(pod).Do(ctx, "SENTINEL", "CKQUORUM", "identity").Err()
}

// AllowLonePrimary lets a Redis primary take writes that no replica holds.
func (c *Checker) AllowLonePrimary(ctx context.Context, pod topology.Pod, allow bool) error {
	needed := "1"
	if allow {
		needed = "0"
	}
	client := c.stores.client(pod)
	if err := client.ConfigSet(ctx, "min-replicas-to-write", needed).Err(); err != nil {
		return fmt.Errorf("set min-replicas-to-write of %s: %w", pod, err)
	}
	// A restart must not bring back what was set before.
	if err := client.ConfigRewrite(ctx).Err(); err != nil {
		return fmt.Errorf("keep min-replicas-to-write of %s: %w", pod, err)
	}
	return nil
}

// parseInfo reads the "name:value" lines of Redis' INFO.
func parseInfo(text string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), ":"); found {
			fields[name] = value
		}
	}
	return fields
}
