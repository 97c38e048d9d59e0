package token_test

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"tocsin/system/identity/code"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/token"
	"tocsin/system/identity/token/tokentest"
)

// Every grant, every dependency: what cannot be told is 503, and the same
// request works when the dependency is back, as if nothing had happened.
func TestOutagesAreNoVerdicts(t *testing.T) {
	away := errors.New("connection refused")
	outages := map[string]func(*tokentest.Provider, error){
		"registry of clients": func(p *tokentest.Provider, err error) { p.Registry.Away = err },
		"quorum":              func(p *tokentest.Provider, err error) { p.Quorum.Away = err },
		"token keys":          func(p *tokentest.Provider, err error) { p.Keys.Away = err },
		"authenticator":       func(p *tokentest.Provider, err error) { p.People.Away = err },
	}
	for grant, request := range requests() {
		for outage, set := range outages {
			t.Run(grant+" without "+outage, func(t *testing.T) {
				p := tokentest.NewProvider(t, errInvalid)
				form := request(t, p)
				before := p.Quorum.Marks()
				set(p, away)
				w := p.Token(t, form, nil)
				if outage == "authenticator" && grant != "authorization_code" {
					tokentest.Decode[token.Response](t, w, http.StatusOK) // not needed
					return
				}
				wantRefusal(t, w, http.StatusServiceUnavailable, oautherr.TemporarilyUnavailable)
				if w.Header().Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
				set(p, nil)
				if p.Quorum.Marks() != before {
					t.Error("marks stayed")
				}
				tokentest.Decode[token.Response](t, p.Token(t, form, nil), http.StatusOK)
			})
		}
	}
}

// The quorum did what was asked, and its answer was lost: the request is no
// replay of itself.
func TestLostRepliesOfTheQuorum(t *testing.T) {
	for _, grant := range []string{"authorization_code", "refresh_token", "client_credentials"} {
		t.Run(grant, func(t *testing.T) {
			p := tokentest.NewProvider(t, errInvalid)
			form := requests()[grant](t, p)
			p.Quorum.LostReply = errors.New("timeout")
			wantRefusal(t, p.Token(t, form, nil), http.StatusServiceUnavailable, oautherr.TemporarilyUnavailable)
			tokentest.Decode[token.Response](t, p.Token(t, form, nil), http.StatusOK)
		})
	}
}

func TestAReuseThatCannotBeRevokedIsNoVerdictYet(t *testing.T) {
	p := tokentest.NewProvider(t, errInvalid)
	text := p.Code(t, p.Plain, nil)
	tokentest.Decode[token.Response](t, p.Token(t, p.CodeForm(t, p.Plain, text), nil), http.StatusOK)
	grant := p.Endpoint.Grants[token.AuthorizationCodeType].(*token.AuthorizationCode)
	grant.Revocations = &tokentest.Quorum{Away: errors.New("connection refused")}
	wantRefusal(t, p.Token(t, p.CodeForm(t, p.Plain, text), nil), http.StatusServiceUnavailable, oautherr.TemporarilyUnavailable)
}

func TestAPersonWhoIsGone(t *testing.T) {
	p := tokentest.NewProvider(t, errInvalid)
	form := p.CodeForm(t, p.Plain, p.Code(t, p.Plain, func(c *code.Code) { c.Person, c.InIDToken = "nobody", []string{"name"} }))
	wantRefusal(t, p.Token(t, form, nil), 400, oautherr.InvalidGrant)
}

func TestHowLoginsEndIsCounted(t *testing.T) {
	p := tokentest.NewProvider(t, errInvalid)
	p.Issue(t, p.Plain, nil, nil)
	p.Token(t, p.CodeForm(t, p.Plain, "made-up"), nil)
	p.Keys.Away = errors.New("no HSM node")
	p.Token(t, p.CodeForm(t, p.Plain, p.Code(t, p.Plain, nil)), nil)
	if p.Logins["success"] != 1 || p.Logins["refused"] != 1 || p.Logins["unavailable"] != 1 {
		t.Errorf("got %v", p.Logins)
	}
}

// requests are good ones, by grant.
func requests() map[string]func(*testing.T, *tokentest.Provider) url.Values {
	return map[string]func(*testing.T, *tokentest.Provider) url.Values{
		"authorization_code": func(t *testing.T, p *tokentest.Provider) url.Values {
			return p.CodeForm(t, p.Plain, p.Code(t, p.Plain, func(c *code.Code) { c.InIDToken = []string{"name"} }))
		},
		"refresh_token": func(t *testing.T, p *tokentest.Provider) url.Values {
			return p.Plain.Form(t, p.Clock, "grant_type", "refresh_token", "refresh_token", p.Issue(t, p.Plain, nil, nil).RefreshToken)
		},
		"client_credentials": func(t *testing.T, p *tokentest.Provider) url.Values {
			return p.Plain.Form(t, p.Clock, "grant_type", "client_credentials", "scope", "tax:read")
		},
	}
}
