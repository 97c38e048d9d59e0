package hsm

import (
	"context"
	"crypto/rsa"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/hsm/pkcs11pool"
	"tocsin/system/hsm/protocol"
)

// Token is what a node serves.
type Token interface {
	Sign(ctx context.Context, id protocol.ID, algorithm jose.SignatureAlgorithm, digest []byte) ([]byte, error)
	SignAll(ctx context.Context, orders []protocol.Order) ([]protocol.Answer, error)
	Attest(ctx context.Context, digest []byte) (signature []byte, id protocol.ID, err error)
	Keys(ctx context.Context) (map[protocol.ID]pkcs11pool.Key, error)
	Generate(ctx context.Context, algorithm jose.SignatureAlgorithm, recipients []*rsa.PublicKey) (*pkcs11pool.Sealed, error)
	Take(ctx context.Context, bundle *protocol.Bundle) error
	Remove(ctx context.Context, id protocol.ID) error
	Audit(ctx context.Context) ([]pkcs11pool.Custody, error)
	Drill() error
}

// digestSize is that of SHA-256, the hash of all algorithms.
const digestSize = 32

// node is the HTTP surface of a token.
type node struct {
	token    Token
	approved protocol.Approved
	workers  int
	log      *slog.Logger
	probes   probes
}

// sign answers POST /v1/sign?kid=K&alg=A: a digest in, the signature out, both
// raw. The kid is the caller's claim which key verifies the signature; another
// key's signature would be worse than none.
func (n *node) sign(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	algorithm := jose.SignatureAlgorithm(query.Get("alg"))
	id, err := protocol.ParseID(query.Get("kid"))
	if err != nil || !slices.Contains(protocol.Algorithms(), algorithm) {
		refuse(w, http.StatusBadRequest, "kid must name a key and alg be ES256, PS256 or RS256")
		return
	}
	digest, err := io.ReadAll(io.LimitReader(r.Body, digestSize+1))
	if err != nil || len(digest) != digestSize {
		refuse(w, http.StatusBadRequest, "the body must be a SHA-256 digest, 32 bytes")
		return
	}
	signature, err := n.token.Sign(r.Context(), id, algorithm, digest)
	if err != nil {
		n.refuseFor(w, r, err)
		return
	}
	n.writeBinary(w, signature)
}

// keys answers GET /v1/keys with a JWK set of the signing keys.
func (n *node) keys(w http.ResponseWriter, r *http.Request) {
	set, err := n.signingKeys(r.Context())
	if err != nil {
		n.refuseFor(w, r, err)
		return
	}
	n.writeJSON(w, r, http.StatusOK, set)
}

func (n *node) signingKeys(ctx context.Context) (*jose.JSONWebKeySet, error) {
	keys, err := n.token.Keys(ctx)
	if err != nil {
		return nil, err
	}
	set := &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, key := range keys {
		algorithm := jose.SignatureAlgorithm(key.Label)
		if !slices.Contains(protocol.Algorithms(), algorithm) {
			continue // the token's own pairs sign nothing for callers
		}
		jwk, err := protocol.JWK(algorithm, key.Public)
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, jwk)
	}
	slices.SortFunc(set.Keys, func(a, b jose.JSONWebKey) int { return strings.Compare(a.KeyID, b.KeyID) })
	return set, nil
}

// refuseFor answers what an error of the token means: that a key is not here is
// a fact, anything else says only that it does not work now.
func (n *node) refuseFor(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, pkcs11pool.ErrNoKey) {
		refuse(w, http.StatusNotFound, "this node has no such key for this algorithm")
		return
	}
	n.log.WarnContext(r.Context(), "token cannot serve", "error", err)
	w.Header().Set("Retry-After", "1")
	refuse(w, http.StatusServiceUnavailable, "the token is unavailable")
}
