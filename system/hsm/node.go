package hsm

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/hsm/pkcs11pool"
)

// Token is what a node serves.
type Token interface {
	Sign(ctx context.Context, digest []byte) ([]byte, error)
	PublicKey(ctx context.Context) (*pkcs11pool.PublicKey, error)
}

// digestSize is that of SHA-256, the hash of ES256.
const digestSize = 32

// node is the HTTP surface of a token.
type node struct {
	token Token
	log   *slog.Logger
}

// sign answers POST /v1/sign?kid=K: a digest in, r and s out, both raw. The kid
// is the caller's claim which key verifies the signature; another key's
// signature would be worse than none.
func (n *node) sign(w http.ResponseWriter, r *http.Request) {
	digest, err := io.ReadAll(io.LimitReader(r.Body, digestSize+1))
	if err != nil || len(digest) != digestSize {
		refuse(w, http.StatusBadRequest, "the body must be a SHA-256 digest, 32 bytes")
		return
	}
	key, err := n.publicKey(r.Context())
	if err != nil {
		n.unavailable(w, r, err)
		return
	}
	if r.URL.Query().Get("kid") != key.KeyID {
		refuse(w, http.StatusNotFound, "this node has no such key")
		return
	}
	signature, err := n.token.Sign(r.Context(), digest)
	if err != nil {
		n.unavailable(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	n.write(w, signature)
}

// keys answers GET /v1/keys with a JWK set.
func (n *node) keys(w http.ResponseWriter, r *http.Request) {
	key, err := n.publicKey(r.Context())
	if err != nil {
		n.unavailable(w, r, err)
		return
	}
	body, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{*key}})
	if err != nil {
		n.unavailable(w, r, fmt.Errorf("encode key: %w", err))
		return
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	n.write(w, body)
}

// publicKey returns the JWK; its kid is the thumbprint (RFC 7638), so nodes
// that share a key also share its name.
func (n *node) publicKey(ctx context.Context) (*jose.JSONWebKey, error) {
	public, err := n.token.PublicKey(ctx)
	if err != nil {
		return nil, err
	}
	key := &jose.JSONWebKey{Key: public.PublicKey, Algorithm: string(jose.ES256), Use: "sig"}
	thumbprint, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("name key: %w", err)
	}
	key.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	return key, nil
}

// probe signs and verifies, for readiness: a session that opens proves little.
func (n *node) probe(ctx context.Context) (int, error) {
	public, err := n.token.PublicKey(ctx)
	if err != nil {
		return 0, err
	}
	digest := make([]byte, digestSize)
	rand.Read(digest) // never fails: the runtime aborts the process instead
	signature, err := n.token.Sign(ctx, digest)
	if err != nil {
		return 0, err
	}
	if !verify(public, digest, signature) {
		return 0, errors.New("the token's signature does not verify with its public key")
	}
	return 1, nil
}

func (n *node) unavailable(w http.ResponseWriter, r *http.Request, err error) {
	n.log.WarnContext(r.Context(), "token cannot serve", "error", err)
	w.Header().Set("Retry-After", "1")
	refuse(w, http.StatusServiceUnavailable, "the token is unavailable")
}

func (n *node) write(w http.ResponseWriter, body []byte) {
	if _, err := w.Write(body); err != nil {
		n.log.Debug("write answer", "error", err)
	}
}

func refuse(w http.ResponseWriter, code int, text string) { http.Error(w, text, code) }
