package hsm

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/hsm/client"
	"tocsin/system/hsm/pkcs11pool"
	"tocsin/system/hsm/protocol"
)

// order is to sign something random with key.
func order(t testing.TB, key jose.JSONWebKey) protocol.Order {
	t.Helper()
	id, err := protocol.ParseID(key.KeyID)
	if err != nil {
		t.Fatal(err)
	}
	made := protocol.Order{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: id}
	rand.Read(made.Digest[:])
	return made
}

func signsAt(t testing.TB, c *client.Client, node string, key jose.JSONWebKey) {
	t.Helper()
	asked := order(t, key)
	signature, err := c.SignAt(t.Context(), node, asked)
	if err != nil {
		t.Errorf("sign at %s: %v", node, err)
		return
	}
	if !protocol.Verify(asked.Algorithm, key.Key, asked.Digest[:], signature) {
		t.Errorf("signature of %s does not verify with the one public key", node)
	}
}

// TestNodesShareKeys has three nodes, each a process with a token of its own.
func TestNodesShareKeys(t *testing.T) {
	ca := newAuthority(t)
	approved := filepath.Join(t.TempDir(), "nodes.pem")
	a, b, c := newSite(t, ca, approved), newSite(t, ca, approved), newSite(t, ca, approved)
	elsewhere := filepath.Join(t.TempDir(), "nodes.pem")
	stranger := newSite(t, ca, elsewhere)
	for _, s := range []*site{a, b, c, stranger} {
		s.init(t)
	}
	approve(t, approved, a, b, c)
	approve(t, elsewhere, stranger, c)
	caller := ca.client(t, "identity", a.url, b.url, c.url, stranger.url)
	keeper := ca.client(t, "keeper", a.url, b.url, c.url, stranger.url)
	a.start(t, caller)
	b.start(t, caller)

	bundles := map[jose.SignatureAlgorithm]*protocol.Bundle{}
	for _, algorithm := range protocol.Algorithms() {
		bundle, err := keeper.Make(t.Context(), a.url, algorithm, "token")
		if err != nil {
			t.Fatal(err)
		}
		bundles[algorithm] = bundle
		if _, err := caller.SignAt(t.Context(), b.url, order(t, bundle.Public)); err == nil {
			t.Errorf("a node signs with a key it was not given")
		}
		if err := keeper.Take(t.Context(), b.url, bundle); err != nil {
			t.Fatal(err)
		}
		signsAt(t, caller, a.url, bundle.Public)
		signsAt(t, caller, b.url, bundle.Public)
	}
	t.Run("a node that is lost costs nobody anything", func(t *testing.T) {
		a.kill(t)
		for _, bundle := range bundles {
			asked := order(t, bundle.Public)
			signature, err := caller.Sign(t.Context(), asked)
			if err != nil || !protocol.Verify(asked.Algorithm, bundle.Public.Key, asked.Digest[:], signature) {
				t.Errorf("%s: %v", asked.Algorithm, err)
			}
		}
	})
	c.start(t, caller)
	t.Run("a node that was away takes the keys later", func(t *testing.T) {
		for _, bundle := range bundles {
			// Through the ring, as text.
			text, err := json.Marshal(bundle)
			if err != nil {
				t.Fatal(err)
			}
			read := &protocol.Bundle{}
			if err := json.Unmarshal(text, read); err != nil {
				t.Fatal(err)
			}
			if err := keeper.Take(t.Context(), c.url, read); err != nil {
				t.Fatal(err)
			}
			signsAt(t, caller, c.url, bundle.Public)
		}
	})
	b.kill(t)
	b.start(t, caller)
	t.Run("a node keeps its keys when it starts again", func(t *testing.T) {
		signsAt(t, caller, b.url, bundles[jose.ES256].Public)
	})
	stranger.start(t, caller)
	t.Run("keys that no approved node made are refused", func(t *testing.T) { refusals(t, keeper, c, stranger, bundles) })
	t.Run("only those who may do what they do", func(t *testing.T) { units(t, ca, c.url) })
	t.Run("a removed key signs no more", func(t *testing.T) {
		key := bundles[jose.RS256].Public
		if err := keeper.Remove(t.Context(), c.url, key.KeyID); err != nil {
			t.Fatal(err)
		}
		if _, err := caller.SignAt(t.Context(), c.url, order(t, key)); err == nil {
			t.Error("it does")
		}
		if _, err := caller.Sign(t.Context(), order(t, key)); err != nil {
			t.Errorf("the client does not go on to a node that has it: %v", err)
		}
	})
	t.Run("no key can leave its token", func(t *testing.T) {
		response := get(t, ca, "keeper", http.MethodGet, c.url+"/v1/audit", "")
		var held []pkcs11pool.Custody
		if err := json.NewDecoder(response.Body).Decode(&held); err != nil || len(held) < 4 {
			t.Fatalf("%d keys, %v", len(held), err)
		}
		for _, key := range held {
			if fault := key.Fault(); fault != "" {
				t.Errorf("%+v: %s", key, fault)
			}
		}
	})
}

func refusals(t *testing.T, keeper *client.Client, node, stranger *site, bundles map[jose.SignatureAlgorithm]*protocol.Bundle) {
	foreign, err := keeper.Make(t.Context(), stranger.url, jose.ES256, "token")
	if err != nil {
		t.Fatal(err)
	}
	good, other := bundles[jose.ES256], bundles[jose.PS256]
	for _, test := range []struct {
		name   string
		bundle func() *protocol.Bundle
	}{
		{"a key that a node made which nobody approved", func() *protocol.Bundle { return foreign }},
		{"a key with another's attestation", func() *protocol.Bundle {
			made := *foreign
			made.Maker, made.Signature = good.Maker, good.Signature
			return &made
		}},
		{"a private key that was exchanged", func() *protocol.Bundle {
			made := *good
			made.Wrapped, made.Copies = other.Wrapped, other.Copies
			return &made
		}},
		{"an RSA key that is to sign with the other padding", func() *protocol.Bundle {
			made := *other
			made.Public.Algorithm = string(jose.RS256)
			return &made
		}},
		{"a key for another use", func() *protocol.Bundle {
			made := *good
			made.Use = "credential"
			return &made
		}},
		{"a key under another name", func() *protocol.Bundle {
			made := *good
			made.Public.KeyID = other.Public.KeyID
			return &made
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := keeper.Take(t.Context(), node.url, test.bundle()); !errors.Is(err, client.ErrRefused) {
				t.Errorf("got %v, want ErrRefused", err)
			}
		})
	}
}

func units(t *testing.T, ca *authority, node string) {
	kid := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	for _, test := range []struct {
		name, unit, method, path string
		want                     int
	}{
		{"a caller may read keys", "identity", http.MethodGet, "/v1/keys", http.StatusOK},
		{"a caller may not make keys", "identity", http.MethodPost, "/v1/keys?alg=ES256&use=token", http.StatusForbidden},
		{"a caller may not give keys", "identity", http.MethodPost, "/v1/take", http.StatusForbidden},
		{"a caller may not remove keys", "identity", http.MethodDelete, "/v1/keys/" + kid, http.StatusForbidden},
		{"a caller may not audit", "identity", http.MethodGet, "/v1/audit", http.StatusForbidden},
		{"an admin may not sign", "keeper", http.MethodPost, "/v1/sign?alg=ES256&kid=" + kid, http.StatusForbidden},
		{"an admin may not sign many", "keeper", http.MethodPost, "/v1/sign-batch", http.StatusForbidden},
		{"a stranger may not read keys", "ui", http.MethodGet, "/v1/keys", http.StatusForbidden},
		{"a stranger may not sign", "ui", http.MethodPost, "/v1/sign?alg=ES256&kid=" + kid, http.StatusForbidden},
		{"anybody with a certificate may ask for health", "ui", http.MethodGet, "/livez", http.StatusOK},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := get(t, ca, test.unit, test.method, node+test.path, "").StatusCode; got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

// get makes one request as a member of unit.
func get(t testing.TB, ca *authority, unit, method, url, body string) *http.Response {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: ca.tlsConfig(t, unit)}
	t.Cleanup(transport.CloseIdleConnections)
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(content))
	return response
}
