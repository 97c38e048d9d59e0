package clientauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/store"
)

// registry is one client, or a store that is away.
type registry struct {
	client *clients.Client
	away   error
}

func (r registry) Client(_ context.Context, id string) (*clients.Client, error) {
	if r.away != nil {
		return nil, r.away
	}
	if id != r.client.ID {
		return nil, store.ErrNotFound
	}
	return r.client, nil
}

type marks struct{ away error }

func (m marks) Claim(context.Context, string, string, time.Duration) error { return m.away }
func (m marks) Disclaim(context.Context, string) error                     { return nil }

const audience = "https://op.example"

func setup(t testing.TB) (*ecdsa.PrivateKey, registry) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public := jose.JSONWebKey{Key: key.Public(), KeyID: "k"}
	return key, registry{client: &clients.Client{ID: "c", Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}}}}
}

func form(t testing.TB, key *ecdsa.PrivateKey) url.Values {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	text, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: "c", Subject: "c", Audience: jwt.Audience{audience}, ID: rand.Text(), Expiry: jwt.NewNumericDate(now.Add(time.Minute)),
	}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return url.Values{"client_assertion_type": {AssertionType}, "client_assertion": {text}}
}

func TestStoresThatAreAwayAreNoVerdict(t *testing.T) {
	key, known := setup(t)
	away := errors.New("connection refused")
	for _, test := range []struct {
		name    string
		clients registry
		marks   marks
	}{
		{"clients", registry{away: away}, marks{}},
		{"replay marks", known, marks{away: away}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := New(test.clients, test.marks, []string{audience}, time.Now).Authenticate(t.Context(), form(t, key))
			if err == nil || oautherr.Verdict(err) != nil || !errors.Is(err, away) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestForeignKeyIsRefused(t *testing.T) {
	_, known := setup(t)
	stranger, _ := setup(t)
	_, err := New(known, marks{}, []string{audience}, time.Now).Authenticate(t.Context(), form(t, stranger))
	if verdict := oautherr.Verdict(err); verdict == nil || verdict.Kind != oautherr.InvalidClient {
		t.Errorf("got %v", err)
	}
}

// FuzzAuthenticate: whatever is not signed by the client is refused, as a verdict.
func FuzzAuthenticate(f *testing.F) {
	key, known := setup(f)
	good := form(f, key).Get("client_assertion")
	f.Add(good + "x")
	f.Add("eyJhbGciOiJub25lIn0.eyJpc3MiOiJjIiwic3ViIjoiYyJ9.")
	f.Add("..")
	authenticator := New(known, marks{}, []string{audience}, time.Now)
	f.Fuzz(func(t *testing.T, assertion string) {
		if assertion == good {
			return
		}
		_, err := authenticator.Authenticate(t.Context(), url.Values{"client_assertion_type": {AssertionType}, "client_assertion": {assertion}})
		if oautherr.Verdict(err) == nil {
			t.Errorf("got %v", err)
		}
	})
}

func BenchmarkAuthenticate(b *testing.B) {
	key, known := setup(b)
	authenticator := New(known, marks{}, []string{audience}, time.Now)
	input := form(b, key)
	for b.Loop() {
		if _, err := authenticator.Authenticate(b.Context(), input); err != nil {
			b.Fatal(err)
		}
	}
}
