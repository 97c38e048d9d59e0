package clientadmin

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/store"
)

const jwk = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`

// good is a client without fault, changed.
func good(t testing.TB, change func(*clients.Client)) *clients.Client {
	t.Helper()
	key, err := Key([]byte(jwk))
	if err != nil {
		t.Fatal(err)
	}
	c := &clients.Client{
		ID: "rp", Name: "Relying Party", RedirectURIs: []string{"https://rp.example/cb"}, GrantTypes: []string{"authorization_code"},
		Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}},
	}
	change(c)
	return c
}

func with(t testing.TB, key any, err error) func(*clients.Client) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return func(c *clients.Client) { c.Keys.Keys = []jose.JSONWebKey{{Key: key}} }
}

func signing(key any, algorithm string) func(*clients.Client) {
	return func(c *clients.Client) { c.Keys.Keys = []jose.JSONWebKey{{Key: key, Algorithm: algorithm}} }
}

func fapi(change func(*clients.Client), par, dpop bool) func(*clients.Client) {
	return func(c *clients.Client) {
		change(c)
		c.RequirePAR, c.RequireDPoP = par, dpop
	}
}

func TestValidate(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // the size is what is refused
	if err != nil {
		t.Fatal(err)
	}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	long := private.Public()
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	app := func(uris ...string) func(*clients.Client) {
		return func(c *clients.Client) { c.AuthMethod, c.Keys.Keys, c.RedirectURIs = clients.Public, nil, uris }
	}
	for _, test := range []struct {
		name   string
		change func(*clients.Client)
		wrong  Field // "" for none
	}{
		{"nothing is wrong", func(*clients.Client) {}, ""},
		{"a service has no redirect URI", func(c *clients.Client) { c.RedirectURIs, c.GrantTypes = nil, []string{"client_credentials"} }, ""},
		{"an app on the loopback interface", app("http://127.0.0.1/cb", "http://[::1]/cb"), ""},
		{"an app with a private scheme", app("com.example.app:/cb"), ""},
		{"a public client needs no key", app("https://app.example/cb"), ""},
		{"an app at the name localhost", app("http://localhost/cb"), RedirectURIs},
		{"an app with a scheme without a dot", app("app:/cb"), RedirectURIs},
		{"a private scheme of a server", func(c *clients.Client) { c.RedirectURIs = []string{"com.example.app:/cb"} }, RedirectURIs},
		{"a password in an address", func(c *clients.Client) { c.RedirectURIs = []string{"https://u:p@rp.example/cb"} }, RedirectURIs},
		{"an empty fragment", func(c *clients.Client) { c.RedirectURIs = []string{"https://rp.example/cb#"} }, RedirectURIs},
		{"a relative address", func(c *clients.Client) { c.RedirectURIs = []string{"/cb"} }, RedirectURIs},
		{"letters that look alike", func(c *clients.Client) { c.RedirectURIs = []string{"https://rp.exаmple/cb"} }, RedirectURIs},
		{"more addresses than anybody needs", func(c *clients.Client) { c.RedirectURIs = make([]string, 11) }, RedirectURIs},
		{"pairwise subjects for two hosts", func(c *clients.Client) {
			c.SubjectType, c.RedirectURIs = clients.SubjectPairwise, []string{"https://a.example/", "https://b.example/"}
		}, RedirectURIs},
		{"pairwise subjects for a sector", func(c *clients.Client) {
			c.SubjectType, c.Sector, c.RedirectURIs = clients.SubjectPairwise, "org", []string{"https://a.example/", "https://b.example/"}
		}, ""},
		{"no key", func(c *clients.Client) { c.Keys.Keys = nil }, Keys},
		{"a key on another curve", with(t, other.Public(), nil), Keys},
		{"a private key", with(t, other, nil), Keys},
		{"an RSA key too short", with(t, short.Public(), nil), Keys},
		{"an Edwards key", with(t, edwards, err), ""},
		{"an RSA key for RS256, as eSignet's clients have", signing(long, "RS256"), ""},
		{"an RSA key for PS256", signing(long, "PS256"), ""},
		{"an RSA key for ES256", signing(long, "ES256"), Keys},
		{"an RSA key for RS512", signing(long, "RS512"), Keys},
		{"an Edwards key for RS256", signing(edwards, "RS256"), Keys},
		{"a key for RS256 of a client that has to push", fapi(signing(long, "RS256"), true, false), Keys},
		{"a key for RS256 of a client that has to prove possession", fapi(signing(long, "RS256"), false, true), Keys},
		{"an RSA key for any algorithm of a FAPI client", fapi(signing(long, ""), true, true), ""},
		{"a shared secret", with(t, []byte("secret"), nil), Keys},
		{"no id", func(c *clients.Client) { c.ID = "" }, ID},
		{"an id with a line end", func(c *clients.Client) { c.ID = "a\nb" }, ID},
		{"a name of spaces", func(c *clients.Client) { c.Name = "  " }, Name},
		{"a name that is no text", func(c *clients.Client) { c.Name = "\xff" }, Name},
		{"a name in a language that is none", func(c *clients.Client) { c.NameByLanguage = map[string]string{"not a tag": "x"} }, Language},
		{"an algorithm that signs nothing", func(c *clients.Client) { c.IDTokenAlg = "none" }, Algorithms},
		{"a shared-secret algorithm", func(c *clients.Client) { c.UserinfoAlg = jose.HS256 }, Algorithms},
		{"no grant", func(c *clients.Client) { c.GrantTypes = nil }, GrantTypes},
		{"the password grant", func(c *clients.Client) { c.GrantTypes = []string{"password"} }, GrantTypes},
		{"a consent that ended before it began", func(c *clients.Client) { c.ConsentLife = -1 }, Consent},
	} {
		t.Run(test.name, func(t *testing.T) {
			fields := map[Field]bool{}
			for _, problem := range Validate(good(t, test.change)) {
				fields[problem.Field] = true
			}
			found := slices.Collect(maps.Keys(fields))
			if test.wrong == "" && len(found) > 0 || test.wrong != "" && !slices.Equal(found, []Field{test.wrong}) {
				t.Errorf("wrong is %v, want %q", found, test.wrong)
			}
		})
	}
}

// failing is a store that answers with one error.
type failing struct{ err error }

func (f failing) CreateClient(context.Context, *clients.Client) error { return f.err }

func (f failing) ChangeClient(_ context.Context, _ string, change func(*clients.Client) error) (*clients.Client, error) {
	c := &clients.Client{ID: "rp"}
	if f.err != nil {
		return nil, f.err
	}
	return c, change(c)
}

func TestStoreErrors(t *testing.T) {
	away := errors.New("connection refused")
	for _, test := range []struct {
		name                 string
		stored, create, save error
	}{
		{"taken", store.ErrExists, ErrExists, store.ErrExists},
		{"unknown", store.ErrNotFound, store.ErrNotFound, ErrUnknown},
		{"away", away, away, away},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &Service{Store: failing{test.stored}}
			if err := s.Create(t.Context(), good(t, func(*clients.Client) {})); !errors.Is(err, test.create) {
				t.Errorf("create: %v", err)
			}
			if _, err := s.Update(t.Context(), "rp", func(*clients.Client) {}); !errors.Is(err, test.save) {
				t.Errorf("update: %v", err)
			}
		})
	}
}

func TestInvalidClientsAreNotStored(t *testing.T) {
	s := &Service{Store: failing{}}
	var invalid *InvalidError
	if err := s.Create(t.Context(), &clients.Client{}); !errors.As(err, &invalid) || !strings.Contains(err.Error(), "client_id") {
		t.Errorf("create: %v", err)
	}
	if _, err := s.Update(t.Context(), "rp", func(*clients.Client) {}); !errors.As(err, &invalid) {
		t.Errorf("update: %v", err)
	}
}

func FuzzKey(f *testing.F) {
	f.Add([]byte(jwk))
	f.Add([]byte(`{"kty":"RSA","n":"AQAB","e":"AQAB"}`))
	f.Add([]byte(`{"kty":"oct","k":"AAAA"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		key, err := Key(text)
		if err != nil {
			return
		}
		if reasonAgainst(&key) == "" && !key.IsPublic() {
			t.Error("a key that is not public would be registered")
		}
	})
}
