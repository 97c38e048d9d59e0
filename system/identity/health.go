package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"fmt"
	"math/big"
	"sync"
	"sync/atomic"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/hsm/client"
	"tocsin/system/hsm/protocol"
	"tocsin/system/identity/keyset"
	"tocsin/system/internal/ops"
)

// checks are the background checks: each asks for what a login needs, not for
// whether a port is open.
func (p *provider) checks() []ops.Check {
	return []ops.Check{
		{Dependency: "postgres", Probe: p.stores.db.Copies},
		{Dependency: "redis", Probe: p.stores.redis.Copies},
		{Dependency: "etcd", Probe: p.stores.etcd.Healthy},
		{Dependency: "hsm", Probe: p.signing},
		{Dependency: "authenticator", Probe: func(ctx context.Context) (int, error) { return 1, p.people.Check(ctx) }},
	}
}

// signing counts the HSM nodes whose signature verifies with the published key.
func (p *provider) signing(ctx context.Context) (int, error) {
	key, err := p.keys.Signing(keyset.Token, jose.ES256)
	if err != nil {
		return 0, err
	}
	var count atomic.Int64
	var group sync.WaitGroup
	for _, node := range p.stores.hsm.Nodes() {
		group.Go(func() {
			if signs(ctx, p.stores.hsm, key, node) {
				count.Add(1)
			}
		})
	}
	group.Wait()
	if count.Load() == 0 {
		return 0, fmt.Errorf("none of %d HSM nodes signs", len(p.stores.hsm.Nodes()))
	}
	return int(count.Load()), nil
}

func signs(ctx context.Context, hsm *client.Client, key *keyset.Key, node string) bool {
	public, isEC := key.Public.(*ecdsa.PublicKey)
	order := protocol.Order{Algorithm: jose.ES256, Key: key.ID, Digest: sha256.Sum256([]byte("readiness"))}
	signature, err := hsm.SignAt(ctx, node, order)
	if err != nil || !isEC || len(signature) != 64 {
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
// another zone will do better; so it will for one whose authenticator is down.
func (p *provider) rules() ops.Rules {
	return ops.Rules{
		Ready: func(states []ops.State) []string {
			return append(ops.AllUp(states), p.unknown()...)
		},
		Serving: func(states []ops.State) []string {
			if reasons := p.unknown(); len(reasons) > 0 {
				return reasons
			}
			return cutOff(states)
		},
	}
}

// unknown says what a provider that just started has still to learn: without
// keys it verifies nothing, and before it has heard of the revocations it would
// take what was revoked.
func (p *provider) unknown() []string {
	var reasons []string
	if _, err := p.keys.Document(); err != nil {
		reasons = append(reasons, err.Error())
	}
	if !p.stores.revocations.Loaded() {
		reasons = append(reasons, "revocations are not loaded yet")
	}
	return reasons
}

// cutOff returns reasons when every shared store is lost, or the authenticator.
// The HSM node does not count: the zone's own answers also in a zone that is
// cut off.
func cutOff(states []ops.State) []string {
	var reasons []string
	for _, state := range states {
		switch {
		case state.Dependency == "authenticator" && state.Lost():
			return []string{state.Dependency + ": " + state.Reason}
		case state.Dependency == "hsm" || state.Dependency == "authenticator":
		case !state.Lost():
			return nil
		default:
			reasons = append(reasons, state.Dependency+": "+state.Reason)
		}
	}
	return reasons
}
