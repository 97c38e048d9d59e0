package etcd

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"tocsin/system/identity/store/hedge"
)

// rounds bounds how often a change is made anew because others changed the
// same keys meanwhile. Two rounds are the rule then.
const rounds = 10

var errContended = errors.New("others keep changing the same keys")

// put is one key to write; life 0 means for ever.
type put struct {
	key, value string
	life       time.Duration
}

// change is a write that depends on what is there.
type change struct {
	// keys are what the change depends on.
	keys []string
	// guess and puts are the first try: what is probably there, and what to
	// write then. A right guess saves the reading.
	guess []clientv3.Cmp
	puts  []put
	// decide returns what to write when the guess was wrong and known is what
	// is there, in the order of keys; nil where there is nothing. To write
	// nothing is a decision too.
	decide func(known []*mvccpb.KeyValue) ([]put, error)
}

// carryOut makes a change. An error that decide did not give leaves the
// outcome unknown; the change can then be made again.
func (c *Cluster) carryOut(ctx context.Context, change change) error {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	reads := make([]clientv3.Op, len(change.keys))
	for i, key := range change.keys {
		reads[i] = clientv3.OpGet(key)
	}
	conditions, puts := change.guess, change.puts
	for range rounds {
		response, err := c.commit(ctx, conditions, puts, reads)
		if err != nil || response.Succeeded {
			return err
		}
		known := make([]*mvccpb.KeyValue, len(change.keys))
		for i := range known {
			if found := response.Responses[i].GetResponseRange().Kvs; len(found) > 0 {
				known[i] = found[0]
			}
		}
		puts, err = change.decide(known)
		if err != nil || len(puts) == 0 {
			return err
		}
		conditions = unchanged(change.keys, known)
	}
	return errContended
}

// unchanged is true as long as keys are as they are known.
func unchanged(keys []string, known []*mvccpb.KeyValue) []clientv3.Cmp {
	conditions := make([]clientv3.Cmp, len(keys))
	for i, key := range keys {
		conditions[i] = absent(key)
		if known[i] != nil {
			conditions[i] = clientv3.Compare(clientv3.ModRevision(key), "=", known[i].ModRevision)
		}
	}
	return conditions
}

func absent(key string) clientv3.Cmp {
	return clientv3.Compare(clientv3.CreateRevision(key), "=", 0)
}

// commit writes puts if conditions hold, and reads otherwise. A lease that was
// lost is replaced by a new one, once.
func (c *Cluster) commit(ctx context.Context, conditions []clientv3.Cmp, puts []put, otherwise []clientv3.Op) (*clientv3.TxnResponse, error) {
	for attempt := 0; ; attempt++ {
		writes, used, err := c.leased(ctx, puts)
		if err != nil {
			return nil, err
		}
		response, err := hedge.Do(ctx, c.members, func(ctx context.Context, client *clientv3.Client) (*clientv3.TxnResponse, error) {
			response, err := client.Txn(ctx).If(conditions...).Then(writes...).Else(otherwise...).Commit()
			if errors.Is(err, rpctypes.ErrLeaseNotFound) {
				return nil, errLeaseLost
			}
			return response, err
		})
		if !errors.Is(err, errLeaseLost) || attempt > 0 {
			return response, err
		}
		c.leases.lost(used)
	}
}

func (c *Cluster) leased(ctx context.Context, puts []put) (writes []clientv3.Op, used []clientv3.LeaseID, err error) {
	writes = make([]clientv3.Op, len(puts))
	for i, put := range puts {
		if put.life == 0 {
			writes[i] = clientv3.OpPut(put.key, put.value)
			continue
		}
		id, err := c.leases.of(ctx, put.life)
		if err != nil {
			return nil, nil, err
		}
		used = append(used, id)
		writes[i] = clientv3.OpPut(put.key, put.value, clientv3.WithLease(id))
	}
	return writes, used, nil
}

// hashed bounds the size of keys, and keeps who can read the store from using
// what he finds there.
func hashed(prefix, id string) string {
	sum := sha256.Sum256([]byte(id))
	return prefix + base64.RawURLEncoding.EncodeToString(sum[:])
}

// nameOf is what a mark says of its attempt: never empty, and bounded.
func nameOf(attempt string) string {
	sum := sha256.Sum256([]byte(attempt))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// wrap says what was being done, and keeps nil nil.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
