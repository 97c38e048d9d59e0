package etcd

import (
	"bytes"
	"context"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"tocsin/system/identity/keyset"
	"tocsin/system/identity/store/hedge"
)

// maxRing bounds the key ring, far below what etcd takes in one request.
const maxRing = 256 << 10

// Ring implements keyset.Ring.
type Ring struct {
	cluster *Cluster
	key     string
}

// NewRing returns the key ring below prefix.
func NewRing(cluster *Cluster, prefix string) *Ring {
	return &Ring{cluster: cluster, key: prefix + "keyring"}
}

// Load implements keyset.Ring.
func (r *Ring) Load(ctx context.Context) (doc []byte, revision int64, err error) {
	response, err := hedge.Do(ctx, r.cluster.members, func(ctx context.Context, client *clientv3.Client) (*clientv3.GetResponse, error) {
		return client.Get(ctx, r.key)
	})
	if err != nil {
		return nil, 0, fmt.Errorf("load key ring: %w", err)
	}
	if len(response.Kvs) == 0 {
		return nil, 0, nil
	}
	return response.Kvs[0].Value, response.Kvs[0].ModRevision, nil
}

// Swap implements keyset.Ring. A document that is there already is taken for
// the work of an earlier try whose answer was lost.
func (r *Ring) Swap(ctx context.Context, revision int64, doc []byte) error {
	if len(doc) == 0 || len(doc) > maxRing {
		return fmt.Errorf("swap key ring: %d bytes, want 1 to %d", len(doc), maxRing)
	}
	err := r.cluster.carryOut(ctx, change{
		keys:  []string{r.key},
		guess: []clientv3.Cmp{clientv3.Compare(clientv3.ModRevision(r.key), "=", revision)},
		puts:  []put{{key: r.key, value: string(doc)}},
		decide: func(known []*mvccpb.KeyValue) ([]put, error) {
			if known[0] != nil && bytes.Equal(known[0].Value, doc) {
				return nil, nil
			}
			return nil, keyset.ErrConflict
		},
	})
	return wrap("swap key ring", err)
}
