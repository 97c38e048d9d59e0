package hsm

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/hsm/pkcs11pool"
)

// token is a token in memory that can be away.
type token struct {
	key  *ecdsa.PrivateKey
	away bool
}

func (t *token) Sign(_ context.Context, digest []byte) ([]byte, error) {
	if t.away {
		return nil, pkcs11pool.ErrUnavailable
	}
	r, s, err := ecdsa.Sign(rand.Reader, t.key, digest)
	if err != nil {
		return nil, err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signature, nil
}

func (t *token) PublicKey(context.Context) (*pkcs11pool.PublicKey, error) {
	return &pkcs11pool.PublicKey{PublicKey: &t.key.PublicKey}, nil
}

func TestNode(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	here := &token{key: key}
	n := &node{token: here, log: slog.New(slog.DiscardHandler)}
	answer := httptest.NewRecorder()
	n.keys(answer, httptest.NewRequest(http.MethodGet, "/v1/keys", nil))
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(answer.Body.Bytes(), &set); err != nil || len(set.Keys) != 1 || set.Keys[0].KeyID == "" || !set.Keys[0].IsPublic() {
		t.Fatalf("keys: %s, %v", answer.Body, err)
	}
	kid, digest := set.Keys[0].KeyID, strings.Repeat("d", digestSize)
	for _, test := range []struct {
		name, kid, body string
		away            bool
		want            int
	}{
		{"a digest is signed", kid, digest, false, http.StatusOK},
		{"another key's order is refused", "other", digest, false, http.StatusNotFound},
		{"a short digest is refused", kid, "short", false, http.StatusBadRequest},
		{"a long digest is refused", kid, digest + "x", false, http.StatusBadRequest},
		{"a token that is away is told honestly", kid, digest, true, http.StatusServiceUnavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			here.away = test.away
			answer := httptest.NewRecorder()
			n.sign(answer, httptest.NewRequest(http.MethodPost, "/v1/sign?kid="+test.kid, strings.NewReader(test.body)))
			if answer.Code != test.want {
				t.Fatalf("got %d %s", answer.Code, answer.Body)
			}
			public := &pkcs11pool.PublicKey{PublicKey: &key.PublicKey}
			if test.want == http.StatusOK && !verify(public, []byte(test.body), answer.Body.Bytes()) {
				t.Error("signature does not verify")
			}
			if test.want == http.StatusServiceUnavailable && answer.Header().Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		})
	}
}
