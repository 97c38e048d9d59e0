package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

const (
	// attemptTimeout bounds one try at one member. A leader election takes
	// about a second; the member that answers then is found by trying again.
	attemptTimeout = 600 * time.Millisecond
	// operationTimeout is the whole patience of one operation.
	operationTimeout = 2500 * time.Millisecond
	// rest is how long a member that failed is asked only after the others.
	rest = time.Second
)

// member is one etcd server with a client of its own: a client of several
// endpoints would choose by itself, and not notice for long that one is gone.
type member struct {
	client    *clientv3.Client
	restUntil atomic.Int64 // Unix nanoseconds
}

// Cluster is the etcd servers, in order of preference.
type Cluster struct {
	members []*member
}

// Open returns the cluster of endpoints; it connects when it is used.
func Open(endpoints []string, config *tls.Config) (*Cluster, error) {
	cluster := &Cluster{}
	for _, endpoint := range endpoints {
		client, err := clientv3.New(clientv3.Config{
			Endpoints: []string{endpoint},
			TLS:       config.Clone(),
			Logger:    zap.NewNop(),
			// gRPC turns the time-out into TCP_USER_TIMEOUT as well, which is
			// what notices a member that vanished while bytes are in flight.
			DialKeepAliveTime:    time.Second,
			DialKeepAliveTimeout: time.Second,
			PermitWithoutStream:  true,
			MaxUnaryRetries:      1,
			DialOptions: []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
				MinConnectTimeout: time.Second,
			})},
		})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open etcd %s: %w", endpoint, err), cluster.Close())
		}
		cluster.members = append(cluster.members, &member{client: client})
	}
	return cluster, nil
}

// Close ends all connections.
func (c *Cluster) Close() error {
	var problems []error
	for _, m := range c.members {
		problems = append(problems, m.client.Close())
	}
	return errors.Join(problems...)
}

// do runs a repeatable operation at one member after the other until one
// carries it out or time is up.
func (c *Cluster) do(ctx context.Context, operation func(context.Context, *clientv3.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	var last error
	for {
		for _, m := range c.order(time.Now()) {
			err := m.try(ctx, operation)
			if err == nil || errors.Is(err, errLeaseLost) {
				return err
			}
			last = err
			if ctx.Err() != nil {
				return fmt.Errorf("no etcd member answered: %w", last)
			}
		}
		select { // a round of quick refusals must not become a busy loop
		case <-ctx.Done():
			return fmt.Errorf("no etcd member answered: %w", last)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (m *member) try(ctx context.Context, operation func(context.Context, *clientv3.Client) error) error {
	attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	err := operation(attempt, m.client)
	switch {
	case err == nil:
		m.restUntil.Store(0)
	case !errors.Is(ctx.Err(), context.Canceled):
		m.restUntil.Store(time.Now().Add(rest).UnixNano())
	}
	return err
}

func (c *Cluster) order(now time.Time) []*member {
	order := make([]*member, 0, len(c.members))
	var resting []*member
	for _, m := range c.members {
		if now.UnixNano() < m.restUntil.Load() {
			resting = append(resting, m)
			continue
		}
		order = append(order, m)
	}
	return append(order, resting...)
}

// Healthy counts the members that follow a leader. Without a quorum of them
// nothing can be written, which is an error.
func (c *Cluster) Healthy(ctx context.Context) (int, error) {
	var healthy atomic.Int64
	var group sync.WaitGroup
	for _, m := range c.members {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
			defer cancel()
			status, err := m.client.Status(ctx, m.client.Endpoints()[0])
			if err == nil && status.Leader != 0 && len(status.Errors) == 0 {
				healthy.Add(1)
			}
		})
	}
	group.Wait()
	count := int(healthy.Load())
	if count <= len(c.members)/2 {
		return 0, fmt.Errorf("%d of %d etcd members are healthy, no quorum", count, len(c.members))
	}
	return count, nil
}
