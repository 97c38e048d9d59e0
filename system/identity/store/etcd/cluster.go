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

	"tocsin/system/identity/store/hedge"
)

const (
	// attemptTimeout bounds one try at one member. What a member handed to a
	// leader that has died is lost, and only a new try finds the next leader.
	attemptTimeout = 600 * time.Millisecond
	// operationTimeout is the whole patience of one operation.
	operationTimeout = 2500 * time.Millisecond
	// hedgeAfter is how long a member may be silent before the next is asked
	// as well. Between zones an answer takes a few milliseconds.
	hedgeAfter = 150 * time.Millisecond
	// rest is how long a member that failed is asked only after the others.
	rest = time.Second
)

// Cluster is the etcd servers, in order of preference. Each has a client of its
// own: a client of several endpoints would choose by itself, and not notice for
// long that one is gone.
type Cluster struct {
	members *hedge.Servers[*clientv3.Client]
	leases  leases
}

// Open returns the cluster of endpoints; it connects when it is used.
func Open(endpoints []string, config *tls.Config) (*Cluster, error) {
	var clients []*clientv3.Client
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
			return nil, errors.Join(fmt.Errorf("open etcd %s: %w", endpoint, err), closeAll(clients))
		}
		clients = append(clients, client)
	}
	policy := hedge.Policy{
		After: hedgeAfter, Attempt: attemptTimeout, Patience: operationTimeout, Rest: rest, Parallel: 3,
		Verdict: func(err error) bool { return errors.Is(err, errLeaseLost) },
	}
	cluster := &Cluster{members: hedge.New(policy, clients...)}
	cluster.leases.open = map[time.Duration]*lease{}
	cluster.leases.grant = cluster.grant
	return cluster, nil
}

// Close ends all connections.
func (c *Cluster) Close() error { return closeAll(c.members.All()) }

func closeAll(clients []*clientv3.Client) error {
	var problems []error
	for _, client := range clients {
		problems = append(problems, client.Close())
	}
	return errors.Join(problems...)
}

// Healthy counts the members that follow a leader. Without a quorum of them
// nothing can be written, which is an error.
func (c *Cluster) Healthy(ctx context.Context) (int, error) {
	var healthy atomic.Int64
	var group sync.WaitGroup
	members := c.members.All()
	for _, client := range members {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
			defer cancel()
			status, err := client.Status(ctx, client.Endpoints()[0])
			if err == nil && status.Leader != 0 && len(status.Errors) == 0 {
				healthy.Add(1)
			}
		})
	}
	group.Wait()
	count := int(healthy.Load())
	if count <= len(members)/2 {
		return 0, fmt.Errorf("%d of %d etcd members are healthy, no quorum", count, len(members))
	}
	return count, nil
}
