package tokentest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tocsin/system/authenticator"
	"tocsin/system/identity/clientauth"
	"tocsin/system/identity/clients"
	"tocsin/system/identity/code"
	"tocsin/system/identity/compact"
	"tocsin/system/identity/dpop"
	"tocsin/system/identity/secret"
	"tocsin/system/identity/token"
	"tocsin/system/internal/trace"
)

// Verifier is the code_verifier of every code that a Provider hands out.
const Verifier = "a-code-verifier-that-is-long-enough-for-RFC-7636"

// Person is the one whom codes are about.
const Person = "person-1"

// Provider is a token endpoint with everything it needs in memory.
type Provider struct {
	Clock time.Time
	// FAPI follows the FAPI profile; Plain and Other are ordinary clients, Wallet
	// is public.
	FAPI, Plain, Other, Wallet *Party

	Registry *Registry
	Quorum   *Quorum
	Keys     *Keys
	People   *People
	Secrets  *secret.Keys
	Codes    *code.Sealer
	Refresh  *token.RefreshSealer
	Persons  *token.Persons
	Proofs   *dpop.Checker
	Auth     *clientauth.Authenticator
	Ledger   *token.Ledger
	Issuer   *token.Issuer
	Endpoint *token.Endpoint
	Logins   Logins
}

// Logins counts how logins end.
type Logins map[string]int

// Inc implements token.Counter.
func (l Logins) Inc(result string, _ trace.Mark) { l[result]++ }

// People knows Person; Away makes it unable to tell.
type People struct {
	Claimed map[string]any
	Away    error
}

// Claims implements token.Claims.
func (p *People) Claims(_ context.Context, person string, names []string) (map[string]any, error) {
	if p.Away != nil {
		return nil, p.Away
	}
	if person != Person {
		return nil, authenticator.ErrUnknown
	}
	known := map[string]any{}
	for _, name := range names {
		if value, found := p.Claimed[name]; found {
			known[name] = value
		}
	}
	return known, nil
}

// NewProvider returns a provider; invalid is the verdict of its verifier.
func NewProvider(t testing.TB, invalid error) *Provider {
	t.Helper()
	p := &Provider{
		Clock: time.Unix(1_800_000_000, 0),
		FAPI:  NewParty(t, "fapi", "ES256"), Plain: NewParty(t, "plain", "ES256"),
		Other: NewParty(t, "other", "ES256"), Wallet: NewParty(t, "wallet", "ES256"),
		Keys: NewKeys(t, invalid), Logins: Logins{},
		People: &People{Claimed: map[string]any{"name": "Ada Example", "email": "ada@example.org"}},
	}
	p.FAPI.RequirePAR, p.FAPI.RequireDPoP = true, true
	p.Wallet.AuthMethod = clients.Public
	p.Registry = &Registry{Clients: []*clients.Client{p.FAPI.Client, p.Plain.Client, p.Other.Client, p.Wallet.Client}}
	p.Quorum = NewQuorum(p.Now)
	p.seal(t)
	p.wire()
	return p
}

// Now is the provider's clock.
func (p *Provider) Now() time.Time { return p.Clock }

func (p *Provider) seal(t testing.TB) {
	t.Helper()
	var err error
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	p.Secrets, err = secret.Derive(Pepper())
	must(err)
	p.Codes, err = code.NewSealer(p.Secrets, p.Now)
	must(err)
	p.Refresh, err = token.NewRefreshSealer(p.Secrets, p.Now)
	must(err)
	p.Persons, err = token.NewPersons(p.Secrets)
	must(err)
	p.Proofs, err = dpop.New(dpop.Config{Issuer: Issuer, Nonces: p.Secrets.Challenge("dpop", p.Now), Now: p.Now})
	must(err)
}

func (p *Provider) wire() {
	log := slog.New(slog.DiscardHandler)
	p.Auth = clientauth.New(p.Registry, Issuer, p.Now)
	p.Ledger = &token.Ledger{Marks: p.Quorum, Log: log}
	p.Issuer = &token.Issuer{
		Signer: p.Keys, Subjects: p.Secrets, Persons: p.Persons, URL: Issuer,
		AccessLife: 5 * time.Minute, IDLife: 5 * time.Minute, Now: p.Now,
	}
	identifiers := func(configuration string) []string { return []string{configuration + "#1"} }
	p.Endpoint = &token.Endpoint{
		Auth: p.Auth, Proofs: p.Proofs, Logins: p.Logins, Log: log,
		Grants: map[string]token.Grant{
			token.AuthorizationCodeType: &token.AuthorizationCode{
				Codes: p.Codes, Ledger: p.Ledger, Revocations: p.Quorum, Issuer: p.Issuer, Claims: p.People,
				Refresh: p.Refresh, RefreshLife: 24 * time.Hour, Identifiers: identifiers, Log: log,
			},
			token.RefreshTokenType: &token.RefreshToken{
				Refresh: p.Refresh, Families: p.Quorum, Ledger: p.Ledger, Revocations: p.Quorum, Issuer: p.Issuer,
				Identifiers: identifiers, Log: log,
			},
			token.ClientCredentialsType: &token.ClientCredentials{Ledger: p.Ledger, Issuer: p.Issuer},
		},
	}
}

// Code returns a code that party may redeem, with changes.
func (p *Provider) Code(t testing.TB, party *Party, change func(*code.Code)) string {
	t.Helper()
	c := &code.Code{
		ID: rand.Text(), ClientID: party.ID, RedirectURI: party.RedirectURIs[0], Person: Person,
		Scopes: []string{"openid", "profile", "email"}, GrantID: "grant-1", Nonce: "nonce-1",
		CodeChallenge: compact.HashText(sha256.Sum256([]byte(Verifier))),
		SessionID:     "session-1", AuthTime: p.Clock.Add(-time.Minute), ACR: authenticator.PIN.ACR(), AMR: []string{"pin"},
		Allowed: []string{"name", "email"}, Expires: p.Clock.Add(time.Minute),
	}
	if change != nil {
		change(c)
	}
	text, err := p.Codes.Seal(c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// CodeForm returns the form with which party redeems a code.
func (p *Provider) CodeForm(t testing.TB, party *Party, text string) url.Values {
	t.Helper()
	return party.Form(t, p.Clock, "grant_type", token.AuthorizationCodeType, "code", text,
		"redirect_uri", party.RedirectURIs[0], "code_verifier", Verifier)
}

// Post sends a form to path of handler, with a proof of key unless it is nil.
func (p *Provider) Post(t testing.TB, handler http.Handler, path string, form url.Values, key *Key) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, Issuer+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if key != nil {
		r.Header.Set("DPoP", key.Proof(t, p.Clock, http.MethodPost, Issuer+path, nil, nil))
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// Token sends a form to the token endpoint.
func (p *Provider) Token(t testing.TB, form url.Values, key *Key) *httptest.ResponseRecorder {
	t.Helper()
	return p.Post(t, p.Endpoint, "/token", form, key)
}

// Issue redeems a fresh code and returns the response, which must be one.
func (p *Provider) Issue(t testing.TB, party *Party, key *Key, change func(*code.Code)) *token.Response {
	t.Helper()
	return Decode[token.Response](t, p.Token(t, p.CodeForm(t, party, p.Code(t, party, change)), key), http.StatusOK)
}

// Decode returns the JSON body of an answer that must have status.
func Decode[T any](t testing.TB, w *httptest.ResponseRecorder, status int) *T {
	t.Helper()
	if w.Code != status {
		t.Fatalf("got %d, want %d: %s", w.Code, status, w.Body)
	}
	value := new(T)
	if err := json.Unmarshal(w.Body.Bytes(), value); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	return value
}

// JSON returns value as JSON.
func JSON(t testing.TB, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
