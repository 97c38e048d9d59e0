package etcd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"tocsin/system/identity/code"
	"tocsin/system/identity/store"
)

const (
	// bucket is how long one lease takes in new keys.
	bucket = 15 * time.Second
	// margin keeps a mark of use longer than any code that it is about: a code
	// put under the last lease may be redeemed by another zone, under its own.
	margin = 30 * time.Second
)

// errLeaseLost means that the shared lease expired, after an outage say.
var errLeaseLost = errors.New("lease is gone")

// Codes implements code.Store.
type Codes struct {
	cluster *Cluster
	prefix  string
	life    time.Duration
	now     func() time.Time

	mu      sync.Mutex
	lease   clientv3.LeaseID
	granted time.Time
}

// NewCodes returns the codes below prefix; each lives for life.
func NewCodes(cluster *Cluster, prefix string, life time.Duration, now func() time.Time) *Codes {
	return &Codes{cluster: cluster, prefix: prefix, life: life, now: now}
}

// Put implements code.Store.
func (c *Codes) Put(ctx context.Context, plain string, stored *code.Code) error {
	value, err := json.Marshal(stored)
	if err != nil {
		return fmt.Errorf("encode code: %w", err)
	}
	key := c.key("code", plain)
	err = c.leased(ctx, func(ctx context.Context, client *clientv3.Client, lease clientv3.LeaseID) error {
		_, err := client.Txn(ctx).
			If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
			Then(clientv3.OpPut(key, string(value), clientv3.WithLease(lease))).
			Commit()
		return err
	})
	if err != nil {
		return fmt.Errorf("put code: %w", err)
	}
	return nil
}

// Redeem implements code.Store.
func (c *Codes) Redeem(ctx context.Context, plain, attempt string) (*code.Code, error) {
	codeKey, usedKey := c.key("code", plain), c.key("used", plain)
	var answer *clientv3.TxnResponse
	err := c.leased(ctx, func(ctx context.Context, client *clientv3.Client, lease clientv3.LeaseID) error {
		var err error
		answer, err = client.Txn(ctx).
			If(clientv3.Compare(clientv3.CreateRevision(codeKey), ">", 0), clientv3.Compare(clientv3.CreateRevision(usedKey), "=", 0)).
			Then(clientv3.OpGet(codeKey), clientv3.OpPut(usedKey, attempt, clientv3.WithLease(lease))).
			Else(clientv3.OpGet(codeKey), clientv3.OpGet(usedKey)).
			Commit()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("redeem code: %w", err)
	}
	found := answer.Responses[0].GetResponseRange().Kvs
	if !answer.Succeeded {
		used := answer.Responses[1].GetResponseRange().Kvs
		if len(used) > 0 && string(used[0].Value) != attempt {
			return nil, fmt.Errorf("redeem code: %w", store.ErrConsumed)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("redeem code: %w", store.ErrNotFound)
	}
	redeemed := &code.Code{}
	if err := json.Unmarshal(found[0].Value, redeemed); err != nil {
		return nil, fmt.Errorf("decode code: %w", err)
	}
	if c.now().After(redeemed.Expires) {
		return nil, fmt.Errorf("redeem code: expired: %w", store.ErrNotFound)
	}
	return redeemed, nil
}

// Release implements code.Store.
func (c *Codes) Release(ctx context.Context, plain, attempt string) error {
	key := c.key("used", plain)
	err := c.cluster.do(ctx, func(ctx context.Context, client *clientv3.Client) error {
		_, err := client.Txn(ctx).
			If(clientv3.Compare(clientv3.Value(key), "=", attempt)).
			Then(clientv3.OpDelete(key)).
			Commit()
		return err
	})
	if err != nil {
		return fmt.Errorf("release code: %w", err)
	}
	return nil
}

// key hashes the code: who can read the store must not be able to use it.
func (c *Codes) key(kind, plain string) string {
	hash := sha256.Sum256([]byte(plain))
	return c.prefix + kind + "/" + hex.EncodeToString(hash[:])
}

// leased runs operation with the shared lease, with a new one if it was lost.
func (c *Codes) leased(ctx context.Context, operation func(context.Context, *clientv3.Client, clientv3.LeaseID) error) error {
	for attempt := range 2 {
		lease, err := c.sharedLease(ctx, attempt > 0)
		if err != nil {
			return err
		}
		err = c.cluster.do(ctx, func(ctx context.Context, client *clientv3.Client) error {
			err := operation(ctx, client, lease)
			if errors.Is(err, rpctypes.ErrLeaseNotFound) {
				return errLeaseLost
			}
			return err
		})
		if !errors.Is(err, errLeaseLost) {
			return err
		}
	}
	return errLeaseLost
}

// sharedLease returns the lease for what is written now. One that is granted
// but never heard of just expires.
func (c *Codes) sharedLease(ctx context.Context, anew bool) (clientv3.LeaseID, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if !anew && c.lease != 0 && now.Sub(c.granted) < bucket {
		return c.lease, nil
	}
	seconds := int64((c.life + bucket + margin) / time.Second)
	err := c.cluster.do(ctx, func(ctx context.Context, client *clientv3.Client) error {
		granted, err := client.Grant(ctx, seconds)
		if err == nil {
			c.lease, c.granted = granted.ID, now
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("grant lease: %w", err)
	}
	return c.lease, nil
}
