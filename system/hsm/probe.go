package hsm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/hsm/protocol"
)

// probes counts looks at the token: each tries another key, because an RSA
// signature costs too much to make with all of them every time.
type probes struct{ count atomic.Uint64 }

// probe signs and verifies, for readiness: a session that opens proves little.
// Where there is no signing key yet it tries the attestation key. It returns 1,
// the number of tokens that work.
func (n *node) probe(ctx context.Context) (int, error) {
	keys, err := n.token.Keys(ctx)
	if err != nil {
		return 0, err
	}
	digest := make([]byte, digestSize)
	rand.Read(digest) // never fails: the runtime aborts the process instead
	signing, err := n.signingKeys(ctx)
	if err != nil {
		return 0, err
	}
	if len(signing.Keys) == 0 {
		signature, id, err := n.token.Attest(ctx, digest)
		if err != nil {
			return 0, err
		}
		return verified(jose.ES256, keys[id].Public, digest, signature)
	}
	key := signing.Keys[n.probes.count.Add(1)%uint64(len(signing.Keys))]
	id, err := protocol.ParseID(key.KeyID)
	if err != nil {
		return 0, err
	}
	algorithm := jose.SignatureAlgorithm(key.Algorithm)
	signature, err := n.token.Sign(ctx, id, algorithm, digest)
	if err != nil {
		return 0, err
	}
	return verified(algorithm, key.Key, digest, signature)
}

func verified(algorithm jose.SignatureAlgorithm, public any, digest, signature []byte) (int, error) {
	if !protocol.Verify(algorithm, public, digest, signature) {
		return 0, errors.New("the token's signature does not verify with its public key")
	}
	return 1, nil
}

// custody looks at how the token holds its keys. It returns how many there are.
func (n *node) custody(ctx context.Context) (int, error) {
	found, err := n.token.Audit(ctx)
	if err != nil {
		return 0, err
	}
	var problems []error
	for _, key := range found {
		if fault := key.Fault(); fault != "" {
			problems = append(problems, fmt.Errorf("key %q %.16s: %s", key.Label, key.ID, fault))
		}
	}
	return len(found), errors.Join(problems...)
}
