package token_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"tocsin/system/identity/token"
	"tocsin/system/identity/token/tokentest"
)

// The cost of a token request, with everything but stores and HSM. The tokens'
// own signatures are made in this process.
func BenchmarkToken(b *testing.B) {
	for _, bench := range []struct {
		name string
		key  bool
		form func(*tokentest.Provider, *tokentest.Party) url.Values
	}{
		{"authorization_code", false, func(p *tokentest.Provider, party *tokentest.Party) url.Values {
			return p.CodeForm(b, party, p.Code(b, party, nil))
		}},
		{"authorization_code with DPoP", true, func(p *tokentest.Provider, party *tokentest.Party) url.Values {
			return p.CodeForm(b, party, p.Code(b, party, nil))
		}},
		{"client_credentials", false, func(p *tokentest.Provider, party *tokentest.Party) url.Values {
			return party.Form(b, p.Clock, "grant_type", token.ClientCredentialsType, "scope", "tax:read")
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			p := tokentest.NewProvider(b, errInvalid)
			party, key := p.Plain, (*tokentest.Key)(nil)
			if bench.key {
				party, key = p.FAPI, p.FAPI.Key
			}
			requests := make([]*http.Request, b.N)
			for i := range requests {
				requests[i] = request(b, p, bench.form(p, party), key)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for _, r := range requests {
				w := httptest.NewRecorder()
				if p.Endpoint.ServeHTTP(w, r); w.Code != http.StatusOK {
					b.Fatal(w.Body)
				}
			}
		})
	}
}

func BenchmarkRefresh(b *testing.B) {
	p := tokentest.NewProvider(b, errInvalid)
	// All are of one generation: the first rotates, the others come in the grace.
	text := p.Issue(b, p.Plain, nil, nil).RefreshToken
	requests := make([]*http.Request, b.N)
	for i := range requests {
		requests[i] = request(b, p, p.Plain.Form(b, p.Clock, "grant_type", token.RefreshTokenType, "refresh_token", text), nil)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for _, r := range requests {
		w := httptest.NewRecorder()
		if p.Endpoint.ServeHTTP(w, r); w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}

func request(b *testing.B, p *tokentest.Provider, form url.Values, key *tokentest.Key) *http.Request {
	b.Helper()
	r := httptest.NewRequest(http.MethodPost, tokentest.Issuer+"/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if key != nil {
		r.Header.Set("DPoP", key.Proof(b, p.Clock, http.MethodPost, tokentest.Issuer+"/token", nil, nil))
	}
	return r
}
