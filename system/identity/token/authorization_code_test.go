package token_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"tocsin/system/identity/code"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/token"
	"tocsin/system/identity/token/tokentest"
)

var errInvalid = errors.New("invalid")

// refusal is the body of an error answer.
type refusal struct {
	Error       oautherr.Kind `json:"error"`
	Description string        `json:"error_description"`
}

func wantRefusal(t *testing.T, w *httptest.ResponseRecorder, status int, kind oautherr.Kind) {
	t.Helper()
	if got := tokentest.Decode[refusal](t, w, status); got.Error != kind {
		t.Errorf("got %+v, want %s", got, kind)
	}
}

// idToken is what clients read.
type idToken struct {
	Issuer    string   `json:"iss"`
	Audience  string   `json:"aud"`
	Subject   string   `json:"sub"`
	Expires   int64    `json:"exp"`
	IssuedAt  int64    `json:"iat"`
	AuthTime  int64    `json:"auth_time"`
	Nonce     string   `json:"nonce"`
	ACR       string   `json:"acr"`
	AMR       []string `json:"amr"`
	SessionID string   `json:"sid"`
	Hash      string   `json:"at_hash"`
	Name      string   `json:"name"`
	Email     string   `json:"email"`
}

func opened[T any](t *testing.T, p *tokentest.Provider, text, typ string) *T {
	t.Helper()
	claims := new(T)
	if err := p.Keys.Verify(text, typ, claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestACodeBuysTokens(t *testing.T) {
	p := tokentest.NewProvider(t, errInvalid)
	w := p.Token(t, p.CodeForm(t, p.Plain, p.Code(t, p.Plain, nil)), nil)
	response := tokentest.Decode[token.Response](t, w, http.StatusOK)
	if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Pragma") != "no-cache" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("got headers %v", w.Header())
	}
	if response.TokenType != "Bearer" || response.ExpiresIn != 300 || response.Scope != "openid profile email" ||
		response.GrantID != "grant-1" || response.RefreshToken == "" {
		t.Errorf("got %+v", response)
	}
	access := opened[token.AccessClaims](t, p, response.AccessToken, token.AccessType)
	subject := p.Secrets.Subject("", tokentest.Person)
	if access.Subject != subject || access.ClientID != "plain" || access.Audience != tokentest.Issuer || access.SessionID != "session-1" ||
		access.Family == "" || access.ID == "" || access.Confirmation != nil || access.Expires != p.Clock.Unix()+300 {
		t.Errorf("got %+v", access)
	}
	if person, err := p.Persons.Open(access.Person); err != nil || person != tokentest.Person {
		t.Errorf("got %q, %v", person, err)
	}
	got := opened[idToken](t, p, response.IDToken, token.IDType)
	want := &idToken{
		Issuer: tokentest.Issuer, Audience: "plain", Subject: subject, Nonce: "nonce-1", SessionID: "session-1",
		Expires: p.Clock.Unix() + 300, IssuedAt: p.Clock.Unix(),
		ACR: "mosip:idp:acr:static-code", AMR: []string{"pin"}, Hash: got.Hash,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(got.Hash) != 22 {
		t.Errorf("at_hash %q", got.Hash)
	}
	if p.Logins["success"] != 1 {
		t.Errorf("got %v", p.Logins)
	}
}

func TestIDTokensFollowTheRequest(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*code.Code)
		client func(*tokentest.Party)
		check  func(*idToken, *token.Response) bool
	}{
		{"oidcc-max-age-10000", func(c *code.Code) { c.ShowAuthTime = true }, nil,
			func(id *idToken, _ *token.Response) bool { return id.AuthTime == 1_800_000_000-60 }},
		{"oidcc-claims-essential", func(c *code.Code) { c.InIDToken = []string{"name", "email"} }, nil,
			func(id *idToken, _ *token.Response) bool {
				return id.Name == "Ada Example" && id.Email == "ada@example.org" && id.Nonce == "nonce-1"
			}},
		{"no claim takes the place of a protocol's", func(c *code.Code) { c.InIDToken = []string{"sub", "iss"} }, nil,
			func(id *idToken, _ *token.Response) bool { return id.Issuer == tokentest.Issuer && id.Subject != "" }},
		{"oidcc-ensure-request-without-nonce-succeeds-for-code-flow", func(c *code.Code) { c.Nonce = "" }, nil,
			func(id *idToken, _ *token.Response) bool { return id.Nonce == "" }},
		{"pairwise subjects differ from public ones", nil, func(c *tokentest.Party) { c.SubjectType = "pairwise" },
			func(id *idToken, _ *token.Response) bool { return id.Subject != "" }},
		{"oidcc-idtoken-signature", nil, func(c *tokentest.Party) { c.IDTokenAlg = jose.RS256 },
			func(_ *idToken, r *token.Response) bool {
				parsed, err := jose.ParseSignedCompact(r.IDToken, []jose.SignatureAlgorithm{jose.RS256})
				return err == nil && parsed.Signatures[0].Protected.Algorithm == "RS256"
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := tokentest.NewProvider(t, errInvalid)
			p.People.Claimed["sub"], p.People.Claimed["iss"] = "victim", "https://other.example"
			if test.client != nil {
				test.client(p.Plain)
			}
			response := p.Issue(t, p.Plain, nil, test.change)
			id := opened[idToken](t, p, response.IDToken, token.IDType)
			if !test.check(id, response) {
				t.Errorf("got %+v", id)
			}
			if pairwise := p.Plain.SubjectType == "pairwise"; pairwise == (id.Subject == p.Secrets.Subject("", tokentest.Person)) {
				t.Errorf("got sub %s", id.Subject)
			}
		})
	}
}

func TestPlainOAuthHasNoIDToken(t *testing.T) {
	p := tokentest.NewProvider(t, errInvalid)
	response := p.Issue(t, p.Plain, nil, func(c *code.Code) { c.Scopes = []string{"profile"} })
	if response.IDToken != "" {
		t.Error("an ID token without scope openid")
	}
}

func TestCredentialsAskedForAreInTheResponse(t *testing.T) {
	p := tokentest.NewProvider(t, errInvalid)
	response := p.Issue(t, p.Plain, nil, func(c *code.Code) { c.Configurations = []string{"ID"} })
	want := []token.AuthorizationDetail{{Type: "openid_credential", CredentialConfigurationID: "ID", CredentialIdentifiers: []string{"ID#1"}}}
	if diff := cmp.Diff(want, response.AuthorizationDetails); diff != "" {
		t.Error(diff)
	}
	access := opened[token.AccessClaims](t, p, response.AccessToken, token.AccessType)
	if diff := cmp.Diff(want, access.AuthorizationDetails); diff != "" {
		t.Error(diff)
	}
}

func TestWrongCodeRequests(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*code.Code)
		form   func(url.Values)
		status int
		kind   oautherr.Kind
	}{
		{"fapi2-security-profile-final-ensure-authorization-code-is-bound-to-client", func(c *code.Code) { c.ClientID = "other" }, nil, 400, oautherr.InvalidGrant},
		{"fapi2-security-profile-final-ensure-token-endpoint-fails-with-expired-auth-code", func(c *code.Code) { c.Expires = c.Expires.Add(-61 * time.Second) }, nil, 400, oautherr.InvalidGrant},
		{"fapi2-security-profile-final-ensure-pkce-code-verifier-required", nil, func(f url.Values) { f.Del("code_verifier") }, 400, oautherr.InvalidGrant},
		{"fapi2-security-profile-final-incorrect-pkce-code-verifier-rejected", nil, func(f url.Values) { f.Set("code_verifier", strings.Repeat("x", 43)) }, 400, oautherr.InvalidGrant},
		{"a verifier that is too short", nil, func(f url.Values) { f.Set("code_verifier", "short") }, 400, oautherr.InvalidGrant},
		{"a verifier although there was no challenge", func(c *code.Code) { c.CodeChallenge = "" }, nil, 400, oautherr.InvalidGrant},
		{"another redirect URI", nil, func(f url.Values) { f.Set("redirect_uri", "https://plain.example/other") }, 400, oautherr.InvalidGrant},
		{"no redirect URI", nil, func(f url.Values) { f.Del("redirect_uri") }, 400, oautherr.InvalidGrant},
		{"no code", nil, func(f url.Values) { f.Del("code") }, 400, oautherr.InvalidRequest},
		{"a code that was made up", nil, func(f url.Values) { f.Set("code", "made-up") }, 400, oautherr.InvalidGrant},
		{"a code that was changed", nil, func(f url.Values) { f.Set("code", f.Get("code")[:40]+"A"+f.Get("code")[41:]+"A") }, 400, oautherr.InvalidGrant},
		{"a code of 60 KiB", nil, func(f url.Values) { f.Set("code", strings.Repeat("c", 60<<10)) }, 400, oautherr.InvalidGrant},
		{"a resource elsewhere", nil, func(f url.Values) { f.Set("resource", "https://bank.example") }, 400, oautherr.InvalidTarget},
		{"no grant_type", nil, func(f url.Values) { f.Del("grant_type") }, 400, oautherr.InvalidRequest},
		{"the password grant", nil, func(f url.Values) { f.Set("grant_type", "password") }, 400, oautherr.UnsupportedGrantType},
		{"a grant_type that wants to be in a header", nil, func(f url.Values) { f.Set("grant_type", "\"\r\nX: y\u202e") }, 400, oautherr.UnsupportedGrantType},
		{"fapi2-security-profile-final-ensure-client-assertion-in-token-endpoint", nil, func(f url.Values) { f.Del("client_assertion") }, 401, oautherr.InvalidClient},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := tokentest.NewProvider(t, errInvalid)
			form := p.CodeForm(t, p.Plain, p.Code(t, p.Plain, test.change))
			if test.form != nil {
				test.form(form)
			}
			w := p.Token(t, form, nil)
			wantRefusal(t, w, test.status, test.kind)
			if p.Quorum.Marks() != 0 {
				t.Error("a refused request used something up")
			}
			if w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("got headers %v", w.Header())
			}
		})
	}
}

func TestGrantTypesAreRegistered(t *testing.T) {
	p := tokentest.NewProvider(t, errInvalid)
	p.Plain.GrantTypes = []string{"refresh_token"}
	wantRefusal(t, p.Token(t, p.CodeForm(t, p.Plain, p.Code(t, p.Plain, nil)), nil), 400, oautherr.UnauthorizedClient)
	p.Plain.GrantTypes = []string{"authorization_code"}
	if response := p.Issue(t, p.Plain, nil, nil); response.RefreshToken != "" {
		t.Error("a refresh token for a client that is not registered for any")
	}
}

func TestCodeReuse(t *testing.T) {
	for _, test := range []struct {
		name string
		wait time.Duration
	}{
		{"oidcc-codereuse", 0},
		{"fapi2-security-profile-final-attempt-reuse-authorization-code-after-one-second", time.Second},
		{"oidcc-codereuse-30seconds", 30 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := tokentest.NewProvider(t, errInvalid)
			text := p.Code(t, p.Plain, nil)
			first := tokentest.Decode[token.Response](t, p.Token(t, p.CodeForm(t, p.Plain, text), nil), http.StatusOK)
			p.Clock = p.Clock.Add(test.wait)
			wantRefusal(t, p.Token(t, p.CodeForm(t, p.Plain, text), nil), 400, oautherr.InvalidGrant)
			access := opened[token.AccessClaims](t, p, first.AccessToken, token.AccessType)
			if !p.Quorum.Revoked(access.Family) {
				t.Error("what came of the first use still works")
			}
			form := p.Plain.Form(t, p.Clock, "grant_type", "refresh_token", "refresh_token", first.RefreshToken)
			wantRefusal(t, p.Token(t, form, nil), 400, oautherr.InvalidGrant)
		})
	}
}

func TestALogoutEndsCodes(t *testing.T) {
	p := tokentest.NewProvider(t, errInvalid)
	text := p.Code(t, p.Plain, nil)
	if err := p.Quorum.Revoke(t.Context(), "session-1", time.Hour); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, p.Token(t, p.CodeForm(t, p.Plain, text), nil), 400, oautherr.InvalidGrant)
}

func TestOneCodeInFiftyRequestsAtOnce(t *testing.T) {
	p := tokentest.NewProvider(t, errInvalid)
	text := p.Code(t, p.Plain, nil)
	forms := make([]url.Values, 50)
	for i := range forms {
		forms[i] = p.CodeForm(t, p.Plain, text)
	}
	p.Logins = nil // not made for many at once
	p.Endpoint.Logins = discard{}
	var group sync.WaitGroup
	codes := make([]int, len(forms))
	start := make(chan struct{})
	for i, form := range forms {
		group.Go(func() {
			<-start
			codes[i] = p.Token(t, form, nil).Code
		})
	}
	close(start)
	group.Wait()
	accepted := 0
	for _, status := range codes {
		if status == http.StatusOK {
			accepted++
		} else if status != http.StatusBadRequest {
			t.Errorf("got %d", status)
		}
	}
	if accepted != 1 {
		t.Errorf("%d were accepted", accepted)
	}
}

func TestAssertionsAreUsedOnce(t *testing.T) {
	p := tokentest.NewProvider(t, errInvalid)
	form := p.CodeForm(t, p.Plain, p.Code(t, p.Plain, nil))
	tokentest.Decode[token.Response](t, p.Token(t, form, nil), http.StatusOK)
	form.Set("code", p.Code(t, p.Plain, nil))
	wantRefusal(t, p.Token(t, form, nil), 401, oautherr.InvalidClient)
	// The other code was not used up by it.
	good := p.CodeForm(t, p.Plain, form.Get("code"))
	tokentest.Decode[token.Response](t, p.Token(t, good, nil), http.StatusOK)
}
