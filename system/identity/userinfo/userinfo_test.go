package userinfo_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"tocsin/system/identity/bearer"
	"tocsin/system/identity/clientauth"
	"tocsin/system/identity/code"
	"tocsin/system/identity/jws"
	"tocsin/system/identity/token"
	"tocsin/system/identity/token/tokentest"
	"tocsin/system/identity/userinfo"
)

func newEndpoint(t testing.TB) (*tokentest.Provider, *userinfo.Endpoint) {
	t.Helper()
	p := tokentest.NewProvider(t, jws.ErrInvalid)
	log := slog.New(slog.DiscardHandler)
	return p, &userinfo.Endpoint{
		Guard: &bearer.Guard{
			Verifier: p.Keys, Proofs: p.Proofs, Ledger: p.Ledger, Revocations: p.Quorum, Issuer: tokentest.Issuer, Now: p.Now,
		},
		Persons: p.Persons, Claims: p.People, Signer: p.Keys, Issuer: tokentest.Issuer, Log: log,
	}
}

func get(e http.Handler, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, tokentest.Issuer+"/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

func TestClaimsAreThoseAllowed(t *testing.T) {
	for _, test := range []struct {
		name    string
		allowed []string
		want    map[string]any
	}{
		{"oidcc-scope-all", []string{"name", "email"}, map[string]any{"name": "Ada Example", "email": "ada@example.org"}},
		{"oidcc-scope-email", []string{"email"}, map[string]any{"email": "ada@example.org"}},
		{"a claim that is not known of the person", []string{"phone_number"}, map[string]any{}},
		{"none", nil, map[string]any{}},
		{"a claim that is none of a person", []string{"sub", "iss"}, map[string]any{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, e := newEndpoint(t)
			p.People.Claimed["sub"] = "victim"
			issued := p.Issue(t, p.Plain, nil, func(c *code.Code) { c.Allowed = test.allowed })
			w := get(e, issued.AccessToken)
			got := *tokentest.Decode[map[string]any](t, w, http.StatusOK)
			test.want["sub"] = p.Secrets.Subject("", tokentest.Person)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("got headers %v", w.Header())
			}
		})
	}
}

func TestSignedForClientsThatRegisteredForIt(t *testing.T) {
	p, e := newEndpoint(t)
	p.Plain.UserinfoAlg, p.Plain.SubjectType = jose.ES256, "pairwise"
	issued := p.Issue(t, p.Plain, nil, nil)
	w := get(e, issued.AccessToken)
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/jwt" {
		t.Fatalf("got %d %s", w.Code, w.Header().Get("Content-Type"))
	}
	var claims, id map[string]any
	if err := p.Keys.Verify(w.Body.String(), "JWT", &claims); err != nil {
		t.Fatal(err)
	}
	if err := p.Keys.Verify(issued.IDToken, "JWT", &id); err != nil {
		t.Fatal(err)
	}
	if claims["iss"] != tokentest.Issuer || claims["aud"] != "plain" || claims["name"] != "Ada Example" || claims["sub"] != id["sub"] {
		t.Errorf("got %v", claims)
	}
}

func TestStoresAreNotNeeded(t *testing.T) {
	p, e := newEndpoint(t)
	text := p.Issue(t, p.Plain, nil, nil).AccessToken
	p.Registry.Away, p.Quorum.Away, p.Keys.Away = errors.New("away"), errors.New("away"), errors.New("away")
	if w := get(e, text); w.Code != http.StatusOK {
		t.Errorf("got %d: %s", w.Code, w.Body)
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name   string
		broken func(*tokentest.Provider)
		change func(*code.Code)
		status int
	}{
		{"the authenticator is away", func(p *tokentest.Provider) { p.People.Away = errors.New("away") }, nil, 503},
		{"the person is gone", nil, func(c *code.Code) { c.Person = "nobody" }, 401},
		{"no scope openid", nil, func(c *code.Code) { c.Scopes = []string{"profile"} }, 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, e := newEndpoint(t)
			text := p.Issue(t, p.Plain, nil, test.change).AccessToken
			if test.broken != nil {
				test.broken(p)
			}
			if w := get(e, text); w.Code != test.status || !json.Valid(w.Body.Bytes()) {
				t.Errorf("got %d: %s", w.Code, w.Body)
			}
		})
	}
	p, e := newEndpoint(t)
	text := func() string {
		p.Plain.UserinfoAlg = jose.PS256
		return p.Issue(t, p.Plain, nil, nil).AccessToken
	}()
	p.Keys.Away = errors.New("no HSM node")
	if w := get(e, text); w.Code != http.StatusServiceUnavailable {
		t.Errorf("unsigned instead: %d %s", w.Code, w.Body)
	}
}

func TestATokenAboutNobody(t *testing.T) {
	p, e := newEndpoint(t)
	issued, err := p.Issuer.Issue(t.Context(), &token.Request{Client: &clientauth.Authenticated{Client: p.Plain.Client}},
		&token.Authorization{Scopes: []string{"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	if w := get(e, issued.AccessToken); w.Code != http.StatusUnauthorized {
		t.Errorf("got %d: %s", w.Code, w.Body)
	}
}

func BenchmarkUserinfo(b *testing.B) {
	p, e := newEndpoint(b)
	text := p.Issue(b, p.Plain, nil, nil).AccessToken
	b.ReportAllocs()
	for b.Loop() {
		if w := get(e, text); w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}
