package token_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tocsin/system/identity/code"
	"tocsin/system/identity/compact"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/token"
	"tocsin/system/identity/token/tokentest"
	"tocsin/system/internal/trace"
)

// discard counts nothing.
type discard struct{}

func (discard) Inc(string, trace.Mark) {}

func thumbprint(t *testing.T, key *tokentest.Key) string {
	t.Helper()
	parsed, err := compact.ParseJWK([]byte(tokentest.JSON(t, key.JWK(t))))
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Thumbprint
}

func TestTokensAreBoundToTheKeyOfTheProof(t *testing.T) {
	key, other := tokentest.NewKey(t, "ES256"), tokentest.NewKey(t, "ES256")
	for _, test := range []struct {
		name string
		// bound is the key that the authorization request named.
		bound, proof *tokentest.Key
		party        func(*tokentest.Provider) *tokentest.Party
		kind         oautherr.Kind
	}{
		{"fapi2-security-profile-final-ensure-dpop-auth-code-binding-success", key, key, fapi, ""},
		{"fapi2-security-profile-final-ensure-dpopproof-at-par-endpoint-binding-success", key, key, fapi, ""},
		{"fapi2-security-profile-final-ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt", key, other, fapi, oautherr.InvalidGrant},
		{"fapi2-security-profile-final-ensure-token-endpoint-fails-with-mismatched-dpop-jkt", other, key, fapi, oautherr.InvalidGrant},
		{"fapi2-security-profile-final-ensure-holder-of-key-required", nil, nil, fapi, oautherr.InvalidDPoPProof},
		{"a public client without a proof", nil, nil, wallet, oautherr.InvalidDPoPProof},
		{"a public client with a proof", nil, key, wallet, ""},
		{"a client that may have bearer tokens asks for bound ones", nil, key, plain, ""},
		{"a code that was bound, without a proof", key, nil, plain, oautherr.InvalidGrant},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := tokentest.NewProvider(t, errInvalid)
			party := test.party(p)
			text := p.Code(t, party, func(c *code.Code) {
				if test.bound != nil {
					c.DPoPThumbprint = thumbprint(t, test.bound)
				}
			})
			w := p.Token(t, p.CodeForm(t, party, text), test.proof)
			if test.proof != nil && w.Header().Get("DPoP-Nonce") == "" {
				t.Error("no nonce was handed out")
			}
			if test.kind != "" {
				wantRefusal(t, w, 400, test.kind)
				return
			}
			response := tokentest.Decode[token.Response](t, w, http.StatusOK)
			access := opened[token.AccessClaims](t, p, response.AccessToken, token.AccessType)
			if response.TokenType != "DPoP" || access.Thumbprint() != thumbprint(t, test.proof) {
				t.Errorf("got %s, bound to %q", response.TokenType, access.Thumbprint())
			}
		})
	}
}

func fapi(p *tokentest.Provider) *tokentest.Party   { return p.FAPI }
func plain(p *tokentest.Provider) *tokentest.Party  { return p.Plain }
func wallet(p *tokentest.Provider) *tokentest.Party { return p.Wallet }

func TestProofsAreUsedOnce(t *testing.T) {
	p := tokentest.NewProvider(t, errInvalid)
	proof := p.FAPI.Key.Proof(t, p.Clock, http.MethodPost, tokentest.Issuer+"/token", nil, nil)
	send := func() *httptest.ResponseRecorder {
		form := p.CodeForm(t, p.FAPI, p.Code(t, p.FAPI, nil))
		r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("DPoP", proof)
		w := httptest.NewRecorder()
		p.Endpoint.ServeHTTP(w, r)
		return w
	}
	tokentest.Decode[token.Response](t, send(), http.StatusOK)
	wantRefusal(t, send(), 400, oautherr.InvalidDPoPProof)
}
