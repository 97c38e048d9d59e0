package identity_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

func TestLoginWithIndependentClient(t *testing.T) {
	a, b := newAttempt(t, shared.issuer, "profile", "email"), newBrowser(t)
	page := b.get(a.authorizeURL(promptConsent()))
	if page.status != http.StatusOK || !strings.Contains(page.body, "Tax Office") {
		t.Fatalf("login page: %d %.200s", page.status, page.body)
	}
	policy := page.header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "form-action 'self' "+shared.issuer) {
		t.Errorf("content security policy %q", policy)
	}
	page = b.submit(page, map[string]string{"individual_id": personID, "pin": pin})
	if want := []string{"name", "given_name", "family_name", "birthdate", "gender", "picture", "locale", "email"}; !slices.Equal(page.fields["claims"], want) {
		t.Fatalf("consent asks for %v, want %v", page.fields["claims"], want)
	}
	page.fields["claims"] = []string{"name", "email"} // the rest unticked
	code := a.code(t, b.submit(page, map[string]string{"decision": "allow"}))
	token, err := a.exchange(code)
	if err != nil {
		t.Fatal(err)
	}
	checkIDToken(t, a, token)
	info, err := a.provider.UserInfo(a.ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := info.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	for _, beside := range []string{"sub", "email_verified", "updated_at"} { // they follow what they are about
		delete(claims, beside)
	}
	if len(claims) != 2 || claims["name"] != "Ada Nord" || claims["email"] != "ada@example.org" {
		t.Errorf("userinfo released %v, only name and email were allowed", claims)
	}
	checkGrant(t, token.Extra("grant_id").(string))
}

func checkIDToken(t *testing.T, a *attempt, token *oauth2.Token) {
	t.Helper()
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		t.Fatal("no id_token")
	}
	idToken, err := a.provider.Verifier(&oidc.Config{ClientID: clientID}).Verify(a.ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	if idToken.Nonce != a.nonce {
		t.Errorf("nonce %q, want %q", idToken.Nonce, a.nonce)
	}
	if err := idToken.VerifyAccessToken(token.AccessToken); err != nil {
		t.Errorf("at_hash: %v", err)
	}
	if until := time.Until(idToken.Expiry); until > 5*time.Minute || until < 4*time.Minute {
		t.Errorf("ID token lives %s", until)
	}
}

// clientToken returns a token of the client itself.
func clientToken(t testing.TB, b *browser) (string, *document) {
	t.Helper()
	answer := b.post(shared.issuer+"/token", url.Values{
		"grant_type": {"client_credentials"}, "scope": {"grant_management_query"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion(clientID, nil)},
	})
	var body struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(answer.body), &body); err != nil {
		t.Fatalf("token response %q: %v", answer.body, err)
	}
	return body.AccessToken, answer
}

// authorized asks with a bearer token; a body is JSON.
func (b *browser) authorized(method, address, token, body string) *document {
	b.t.Helper()
	request, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	return b.do(request)
}

func checkGrant(t *testing.T, id string) {
	t.Helper()
	b := newBrowser(t)
	token, _ := clientToken(t, b)
	answer := b.authorized(http.MethodGet, shared.issuer+"/grants/"+id, token, "")
	var status struct {
		Scopes    []struct{ Scope string }
		Claims    []string
		CreatedAt time.Time `json:"created_at"`
	}
	if err := json.Unmarshal([]byte(answer.body), &status); err != nil || answer.status != http.StatusOK {
		t.Fatalf("grant: %d %s", answer.status, answer.body)
	}
	if status.Scopes[0].Scope != "email openid profile" || !slices.Equal(status.Claims, []string{"name", "updated_at", "email", "email_verified"}) || time.Since(status.CreatedAt) > time.Minute {
		t.Errorf("grant %+v", status)
	}
	for _, unknown := range []string{"nope", id + "x"} {
		if answer := b.authorized(http.MethodGet, shared.issuer+"/grants/"+unknown, token, ""); answer.status != http.StatusNotFound {
			t.Errorf("unknown grant: %d %s", answer.status, answer.body)
		}
	}
}

func TestKnownConsentIsNotAskedAgain(t *testing.T) {
	newAttempt(t, shared.issuer, "profile").logIn(t, newBrowser(t), "2000000001")
	again, b := newAttempt(t, shared.zones[1].gateway, "profile"), newBrowser(t)
	page := b.get(again.authorizeURL())
	code := again.code(t, b.submit(page, map[string]string{"individual_id": "2000000001", "pin": pin}))
	if _, err := again.exchange(code); err != nil {
		t.Fatal(err)
	}
	// The browser remembers who it is: in the zone it knows, no page at all.
	again.code(t, b.get(again.authorizeURL()))
	wider := newAttempt(t, shared.zones[1].gateway, "profile", "email")
	page = b.get(wider.authorizeURL())
	if !strings.HasSuffix(page.action, "/consent") {
		t.Errorf("a wider scope was granted without asking: %d %s", page.status, page.url)
	}
}

// TestRepeatedSteps: a step whose answer was lost is made again, and of one
// consent only one code is ever redeemed.
func TestRepeatedSteps(t *testing.T) {
	a, b := newAttempt(t, shared.issuer, "profile"), newBrowser(t)
	login := b.get(a.authorizeURL(promptConsent()))
	who := map[string]string{"individual_id": "2000000002", "pin": pin}
	var consent *document
	for range 8 { // more often than PINs may be wrong
		consent = b.submit(login, who)
	}
	first := b.submit(consent, map[string]string{"decision": "allow"})
	second := b.submit(consent, map[string]string{"decision": "allow"})
	token, err := a.exchange(a.code(t, first))
	if err != nil {
		t.Fatal(err)
	}
	if kind, _ := errorCode(failure(a.exchange(a.code(t, second)))); kind != "invalid_grant" {
		t.Errorf("the second code of one consent: %q, want invalid_grant", kind)
	}
	if token.Extra("grant_id") == "" {
		t.Error("no grant_id")
	}
}

func failure[T any](_ T, err error) error { return err }

func TestPagesRefuse(t *testing.T) {
	for _, test := range []struct {
		name   string
		act    func(*browser, *document) *document
		status int
		says   string
	}{
		{"a wrong PIN with the form again", func(b *browser, login *document) *document {
			return b.submit(login, map[string]string{"individual_id": personID, "pin": "0"})
		}, http.StatusUnprocessableEntity, "do not match"},
		{"an unknown person in the same words", func(b *browser, login *document) *document {
			return b.submit(login, map[string]string{"individual_id": "9", "pin": pin})
		}, http.StatusUnprocessableEntity, "do not match"},
		{"the right PIN after five wrong ones", func(b *browser, login *document) *document {
			for range 5 {
				b.submit(login, map[string]string{"individual_id": personID, "pin": "0"})
			}
			return b.submit(login, map[string]string{"individual_id": personID, "pin": pin})
		}, http.StatusForbidden, "Too many attempts"},
		{"a form without its token", func(b *browser, login *document) *document {
			return b.submit(login, map[string]string{"csrf": "x", "individual_id": personID, "pin": pin})
		}, http.StatusForbidden, "start again"},
		{"another browser", func(b *browser, login *document) *document {
			return newBrowser(b.t).get(login.url.String())
		}, http.StatusGone, "IDP-4102"},
		{"what is no transaction", func(b *browser, _ *document) *document {
			return b.get(shared.issuer + "/ui/login?tx=none")
		}, http.StatusBadRequest, "IDP-4001"},
		{"consent before login by going to login", func(b *browser, login *document) *document {
			return b.get(strings.Replace(login.url.String(), "/login", "/consent", 1))
		}, http.StatusOK, "Individual ID"},
		{"an unknown page", func(b *browser, _ *document) *document {
			return b.get(shared.issuer + "/ui/nope")
		}, http.StatusNotFound, "no such page"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBrowser(t)
			answer := test.act(b, b.get(newAttempt(t, shared.issuer, "profile").authorizeURL(promptConsent())))
			if answer.status != test.status || !strings.Contains(strings.ToLower(answer.body), strings.ToLower(test.says)) {
				t.Errorf("got %d %.600s", answer.status, answer.body)
			}
		})
	}
}

func TestDenialReachesTheClient(t *testing.T) {
	a, b := newAttempt(t, shared.issuer, "profile"), newBrowser(t)
	page := b.submit(b.get(a.authorizeURL(promptConsent())), map[string]string{"individual_id": personID, "pin": pin})
	answer := b.submit(page, map[string]string{"decision": "deny"})
	if !strings.Contains(answer.location, "error=access_denied") || !strings.Contains(answer.location, "state="+a.state) {
		t.Errorf("denial went to %q", answer.location)
	}
}

func TestPagesSpeakTheAskedLanguage(t *testing.T) {
	a, b := newAttempt(t, shared.issuer), newBrowser(t)
	page := b.get(a.authorizeURL(oauth2.SetAuthURLParam("ui_locales", "nn nb en")))
	if !strings.Contains(page.body, `lang="nb"`) || !strings.Contains(page.body, "Logg inn") {
		t.Errorf("page is not in Norwegian: %.200s", page.body)
	}
}

// TestOneCodeInTwoZones is the promise on codes: redeemed in both zones at the
// same moment, exactly one wins and the other gets a verdict, 50 times.
func TestOneCodeInTwoZones(t *testing.T) {
	b := newBrowser(t)
	inA, inB := newAttempt(t, shared.zones[0].gateway, "profile"), newAttempt(t, shared.zones[1].gateway, "profile")
	inB.verifier = inA.verifier
	for round := range 50 {
		code := inA.logIn(t, b, "2000000003")
		var outcomes [2]string
		var group sync.WaitGroup
		for i, zone := range []*attempt{inA, inB} {
			group.Go(func() { outcomes[i], _ = errorCode(failure(zone.exchange(code))) })
		}
		group.Wait()
		slices.Sort(outcomes[:])
		if outcomes != [2]string{"", "invalid_grant"} {
			t.Fatalf("round %d: outcomes %q", round, outcomes)
		}
	}
}
