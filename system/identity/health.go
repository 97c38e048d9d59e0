package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"fmt"
	"math/big"
	"sync"
	"sync/atomic"

	"tocsin/system/hsm/client"
	"tocsin/system/identity/keyset"
	"tocsin/system/internal/ops"
)

// checks are the background checks: each asks for what a login needs, not for
// whether a port is open.
func (s *stores) checks(keys *keyset.Set) []ops.Check {
	return []ops.Check{
		{Dependency: "postgres", Probe: s.db.Copies},
		{Dependency: "redis", Probe: s.redis.Copies},
		{Dependency: "etcd", Probe: s.etcd.Healthy},
		{Dependency: "hsm", Probe: func(ctx context.Context) (int, error) { return signing(ctx, s.hsm, keys) }},
	}
}

// signing counts the HSM nodes whose signature verifies with the published key.
func signing(ctx context.Context, hsm *client.Client, keys *keyset.Set) (int, error) {
	var count atomic.Int64
	var group sync.WaitGroup
	for _, node := range hsm.Nodes() {
		group.Go(func() {
			if signs(ctx, hsm, keys, node) {
				count.Add(1)
			}
		})
	}
	group.Wait()
	if count.Load() == 0 {
		return 0, fmt.Errorf("none of %d HSM nodes signs", len(hsm.Nodes()))
	}
	return int(count.Load()), nil
}

func signs(ctx context.Context, hsm *client.Client, keys *keyset.Set, node string) bool {
	kid, known := keys.KeyOf(node)
	if !known {
		return false
	}
	public, err := keys.Public(kid)
	if err != nil || public == nil {
		return false
	}
	order := client.Order{KeyID: kid, Digest: sha256.Sum256([]byte("readiness"))}
	signature, err := hsm.SignAt(ctx, node, order)
	if err != nil || len(signature) != 64 {
		return false
	}
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	return ecdsa.Verify(public, order.Digest[:], r, s)
}

// rules say when the provider is ready and when balancers should use it.
//
// What is lost for every zone alike must not take all zones out of rotation:
// discovery and keys still answer, and an honest 503 beats a refused
// connection. But a provider that reaches no store at all is cut off, and
// another zone will do better.
func rules(keys *keyset.Set) ops.Rules {
	return ops.Rules{
		Ready: func(states []ops.State) []string {
			reasons := ops.AllUp(states)
			if _, err := keys.Document(); err != nil {
				reasons = append(reasons, err.Error())
			}
			return reasons
		},
		Serving: func(states []ops.State) []string {
			if _, err := keys.Document(); err != nil {
				return []string{err.Error()}
			}
			return cutOff(states)
		},
	}
}

// cutOff returns reasons when every shared store is lost. The HSM node does
// not count: the zone's own answers also in a zone that is cut off.
func cutOff(states []ops.State) []string {
	var reasons []string
	for _, state := range states {
		if state.Dependency == "hsm" {
			continue
		}
		if !state.Lost() {
			return nil
		}
		reasons = append(reasons, state.Dependency+": "+state.Reason)
	}
	return reasons
}
