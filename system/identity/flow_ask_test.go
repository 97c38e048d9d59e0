package identity_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// ask is an authorization request of a party, with PKCE.
type ask struct {
	*party
	values   url.Values
	verifier string
}

// ask makes a request; pairs change its parameters.
func (p *party) ask(scope string, pairs ...string) *ask {
	verifier := oauth2.GenerateVerifier()
	values := url.Values{
		"client_id": {p.id}, "redirect_uri": {shared.callback}, "response_type": {"code"}, "scope": {scope},
		"state": {rand.Text()}, "nonce": {rand.Text()},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"},
	}
	return &ask{party: p, verifier: verifier, values: with(values, pairs...)}
}

func (a *ask) at(gateway string) string { return gateway + "/authorize?" + a.values.Encode() }

// push pushes the request and returns what is left to say at /authorize.
func (a *ask) push(gateway string) *ask {
	a.t.Helper()
	form := a.form()
	for name, values := range a.values {
		form[name] = values
	}
	var pushed struct {
		URI string `json:"request_uri"`
	}
	answer := a.send(gateway, "/par", form)
	if decode(a.t, answer, &pushed); answer.status != http.StatusCreated {
		a.t.Fatalf("par: %d %s", answer.status, answer.body)
	}
	return &ask{party: a.party, verifier: a.verifier, values: url.Values{
		"client_id": {a.id}, "request_uri": {pushed.URI}, "state": a.values["state"], "nonce": a.values["nonce"],
	}}
}

// callback returns what the client is told, after checking state and iss.
func (a *ask) callback(seen *document) url.Values {
	a.t.Helper()
	target, err := url.Parse(seen.location)
	if err != nil || seen.status != http.StatusSeeOther || !strings.HasPrefix(seen.location, shared.callback+"?") {
		a.t.Fatalf("no callback but %d %q: %.400s", seen.status, seen.location, seen.body)
	}
	query := target.Query()
	if query.Get("state") != a.values.Get("state") || query.Get("iss") != shared.issuer {
		a.t.Fatalf("callback %s", seen.location)
	}
	return query
}

func (a *ask) code(seen *document) string {
	a.t.Helper()
	told := a.callback(seen)
	if told.Get("code") == "" {
		a.t.Fatalf("no code: %s", seen.location)
	}
	return told.Get("code")
}

func (a *ask) redeem(gateway, code string) *tokens {
	a.t.Helper()
	return a.token(gateway, a.grant(code)...)
}

func (a *ask) grant(code string) []string {
	return []string{"grant_type", "authorization_code", "code", code, "redirect_uri", shared.callback, "code_verifier", a.verifier}
}

// redeemed is redeem of a code that has to be good.
func (a *ask) redeemed(gateway, code string) *tokens {
	a.t.Helper()
	got := a.redeem(gateway, code)
	if got.answer.status != http.StatusOK || got.Access == "" {
		a.t.Fatalf("redeem: %d %s", got.answer.status, got.answer.body)
	}
	return got
}

// obtain logs individualID in with a browser that nobody has used, and allows
// all that is asked.
func (p *party) obtain(scope, individualID string, pairs ...string) *tokens {
	p.t.Helper()
	a := p.ask(scope, pairs...)
	b := newBrowser(p.t)
	return a.redeemed(here(), a.code(b.logIn(b.get(a.at(here())), individualID)))
}

// obtain logs in with a browser that is used again. It waits until every zone
// knows the consent: a replica that lags would ask for it once more.
func (a *ask) obtain(b *browser, individualID string) *tokens {
	a.t.Helper()
	got := a.redeemed(here(), a.code(b.logIn(b.get(a.at(here())), individualID)))
	for _, gateway := range gateways() {
		if err := await(a.t.Context(), 15*time.Second, func() error {
			if told := a.party.silent(b, gateway, "openid"); told != "" {
				return fmt.Errorf("%s answers %q", gateway, told)
			}
			return nil
		}); err != nil {
			a.t.Fatalf("the consent is not known in every zone: %v", err)
		}
	}
	return got
}
