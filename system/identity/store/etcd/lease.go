package etcd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/singleflight"

	"tocsin/system/identity/store/hedge"
)

const (
	// shortest is the shortest life that leases are granted for, and bucket the
	// shortest time for which one takes in new keys.
	shortest = time.Minute
	bucket   = 15 * time.Second
	// longest bounds the life of a key, far above that of anything issued.
	longest = 10 * 365 * 24 * time.Hour
	// margin keeps a mark longer than what it marks, for clocks of zones that
	// differ.
	margin = 30 * time.Second
	// keysPerLease bounds what etcd deletes in one step when a lease ends; that
	// step holds up all others.
	keysPerLease = 1000
)

// errLeaseLost means that a shared lease is gone, after an outage say.
var errLeaseLost = errors.New("lease is gone")

// leases are the shared leases that take in new keys, one for each class of
// life. One that was granted and never heard of just expires.
type leases struct {
	grant   func(ctx context.Context, life time.Duration) (clientv3.LeaseID, error)
	flights singleflight.Group

	mu   sync.Mutex
	open map[time.Duration]*lease
}

type lease struct {
	id    clientv3.LeaseID
	until time.Time // takes in new keys
	left  int
}

// class rounds life up, so that few leases serve lives of all lengths. It is
// exceeded by less than the life itself.
func class(life time.Duration) time.Duration {
	rounded := shortest
	for rounded < min(life, longest) {
		rounded *= 2
	}
	return rounded
}

// opening is how long a lease of a class takes in new keys.
func opening(class time.Duration) time.Duration {
	return min(max(bucket, class/8), time.Hour)
}

// of returns a lease that keeps a new key for at least life.
func (l *leases) of(ctx context.Context, life time.Duration) (clientv3.LeaseID, error) {
	wanted := class(life)
	for {
		if id, found := l.take(wanted); found {
			return id, nil
		}
		// Whoever comes first gets the lease for all, and is not held up by the
		// caller's leaving.
		granted := l.flights.DoChan(strconv.FormatInt(int64(wanted), 36), func() (any, error) {
			return nil, l.renew(context.WithoutCancel(ctx), wanted)
		})
		select {
		case result := <-granted:
			if result.Err != nil {
				return 0, fmt.Errorf("grant lease: %w", result.Err)
			}
		case <-ctx.Done():
			return 0, fmt.Errorf("grant lease: %w", ctx.Err())
		}
	}
}

func (l *leases) take(class time.Duration) (clientv3.LeaseID, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	current := l.open[class]
	if current == nil || current.left == 0 || time.Now().After(current.until) {
		return 0, false
	}
	current.left--
	return current.id, true
}

func (l *leases) renew(ctx context.Context, class time.Duration) error {
	started := time.Now()
	id, err := l.grant(ctx, class+opening(class)+margin)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[class] = &lease{id: id, until: started.Add(opening(class)), left: keysPerLease}
	return nil
}

// lost forgets leases that etcd does not know any more.
func (l *leases) lost(ids []clientv3.LeaseID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for class, current := range l.open {
		for _, id := range ids {
			if current.id == id {
				delete(l.open, class)
			}
		}
	}
}

func (c *Cluster) grant(ctx context.Context, life time.Duration) (clientv3.LeaseID, error) {
	granted, err := hedge.Do(ctx, c.members, func(ctx context.Context, client *clientv3.Client) (*clientv3.LeaseGrantResponse, error) {
		return client.Grant(ctx, int64(life/time.Second))
	})
	if err != nil {
		return 0, err
	}
	return granted.ID, nil
}
