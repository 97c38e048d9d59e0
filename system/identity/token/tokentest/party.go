package tokentest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/clientauth"
	"tocsin/system/identity/clients"
	"tocsin/system/identity/store"
)

// Issuer is the provider of the tests.
const Issuer = "https://op.example"

// Members are those of a JOSE header or of a set of claims. A nil value takes a
// member away.
type Members map[string]any

// Key is the private key of a client.
type Key struct {
	Private   crypto.Signer
	Algorithm string
}

// NewKey returns a key for ES256, PS256, RS256 or EdDSA.
func NewKey(t testing.TB, algorithm string) *Key {
	t.Helper()
	var private crypto.Signer
	var err error
	switch algorithm {
	case "EdDSA":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case "PS256", "RS256":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &Key{Private: private, Algorithm: algorithm}
}

// JWK returns the public key as JSON would hold it.
func (k *Key) JWK(t testing.TB) Members {
	t.Helper()
	raw, err := json.Marshal(jose.JSONWebKey{Key: k.Private.Public()})
	if err != nil {
		t.Fatal(err)
	}
	members := Members{}
	if err := json.Unmarshal(raw, &members); err != nil {
		t.Fatal(err)
	}
	return members
}

// Sign returns a compact JWS of any members at all.
func (k *Key) Sign(t testing.TB, header, claims Members) string {
	t.Helper()
	return k.sign(t, with(Members{"alg": k.Algorithm}, header), claims)
}

func (k *Key) sign(t testing.TB, header, claims Members) string {
	t.Helper()
	input := encode(t, header) + "." + encode(t, claims)
	digest := sha256.Sum256([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(k.signature(t, input, digest[:]))
}

func (k *Key) signature(t testing.TB, input string, digest []byte) []byte {
	t.Helper()
	var signature []byte
	var err error
	switch k.Algorithm {
	case "EdDSA":
		signature, err = k.Private.Sign(rand.Reader, []byte(input), crypto.Hash(0))
	case "PS256":
		signature, err = k.Private.Sign(rand.Reader, digest, &rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA256})
	case "RS256":
		signature, err = k.Private.Sign(rand.Reader, digest, crypto.SHA256)
	default:
		var r, s *big.Int
		if r, s, err = ecdsa.Sign(rand.Reader, k.Private.(*ecdsa.PrivateKey), digest); err == nil {
			signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func encode(t testing.TB, members Members) string {
	t.Helper()
	raw, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

func with(members, changes Members) Members {
	all := maps.Clone(members)
	for name, value := range changes {
		if value == nil {
			delete(all, name)
			continue
		}
		all[name] = value
	}
	return all
}

// Proof returns a DPoP proof of k for a request at now, with changes.
func (k *Key) Proof(t testing.TB, now time.Time, method, address string, header, claims Members) string {
	t.Helper()
	return k.sign(t,
		with(Members{"alg": k.Algorithm, "typ": "dpop+jwt", "jwk": k.JWK(t)}, header),
		with(Members{"jti": rand.Text(), "htm": method, "htu": address, "iat": now.Unix()}, claims))
}

// Party is a client with its key.
type Party struct {
	*clients.Client
	Key *Key
}

// NewParty returns a client that is registered for every grant of the token
// endpoint and authenticates with algorithm.
func NewParty(t testing.TB, id, algorithm string) *Party {
	t.Helper()
	key := NewKey(t, algorithm)
	public := jose.JSONWebKey{Key: key.Private.Public(), KeyID: "k1"}
	return &Party{Key: key, Client: &clients.Client{
		ID: id, RedirectURIs: []string{"https://" + id + ".example/cb"},
		Keys:       jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}},
		Scopes:     []string{"openid", "profile", "email", "tax:read"},
		GrantTypes: []string{"authorization_code", "refresh_token", "client_credentials"},
	}}
}

// Assertion returns a client assertion made at now, with changes.
func (p *Party) Assertion(t testing.TB, now time.Time, header, claims Members) string {
	t.Helper()
	return p.Key.sign(t, with(Members{"alg": p.Key.Algorithm, "kid": "k1"}, header), with(Members{
		"iss": p.ID, "sub": p.ID, "aud": Issuer, "jti": rand.Text(), "exp": now.Add(time.Minute).Unix(), "iat": now.Unix(),
	}, claims))
}

// Form returns a form of pairs of names and values, with an assertion.
func (p *Party) Form(t testing.TB, now time.Time, pairs ...string) url.Values {
	t.Helper()
	form := url.Values{}
	if p.IsPublic() {
		form.Set("client_id", p.ID)
	} else {
		form.Set("client_assertion_type", clientauth.AssertionType)
		form.Set("client_assertion", p.Assertion(t, now, nil, nil))
	}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return form
}

// Registry is a clients.Store; Away makes it unable to tell.
type Registry struct {
	Clients []*clients.Client
	Away    error
}

// Client implements clients.Store.
func (r *Registry) Client(_ context.Context, id string) (*clients.Client, error) {
	if r.Away != nil {
		return nil, r.Away
	}
	for _, client := range r.Clients {
		if client.ID == id {
			return client, nil
		}
	}
	return nil, store.ErrNotFound
}
