package identity_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/system/identity"
)

// esignetPage is a browser with eSignet's own page in it, at one gateway.
type esignetPage struct {
	*browser
	gateway string
	csrf    string
	// key and hash bind the steps to the answer of oauth-details.
	key, hash string
}

func newESignetPage(t testing.TB, gateway string) *esignetPage {
	t.Helper()
	p := &esignetPage{browser: newBrowser(t), gateway: gateway}
	var answer struct{ HeaderName, Token string }
	decode(t, p.get(gateway+"/v1/esignet/csrf/token"), &answer)
	if answer.HeaderName != "X-XSRF-TOKEN" || answer.Token == "" {
		t.Fatalf("csrf: %+v", answer)
	}
	p.csrf = answer.Token
	return p
}

// reply is an answer in eSignet's envelope.
type reply struct {
	Response json.RawMessage
	Errors   []struct{ ErrorCode string }

	status int
}

// code is the first error code, "" when there is none.
func (r *reply) code() string {
	if len(r.Errors) == 0 {
		return ""
	}
	return r.Errors[0].ErrorCode
}

// envelope is a request as eSignet wants it.
func envelope(t testing.TB, request any) []byte {
	t.Helper()
	body, err := json.Marshal(map[string]any{"requestTime": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "request": request})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func (p *esignetPage) send(method, path string, request any) *reply {
	p.t.Helper()
	asked, err := http.NewRequestWithContext(p.t.Context(), method, p.gateway+"/v1/esignet/authorization/"+path, bytes.NewReader(envelope(p.t, request)))
	if err != nil {
		p.t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "X-XSRF-TOKEN": p.csrf, "oauth-details-key": p.key, "oauth-details-hash": p.hash,
	} {
		if value != "" {
			asked.Header.Set(name, value)
		}
	}
	return replyIn(p.t, p.do(asked))
}

func replyIn(t testing.TB, answer *document) *reply {
	t.Helper()
	got := &reply{status: answer.status}
	decode(t, answer, got)
	return got
}

// must is send of a step that has to succeed.
func (p *esignetPage) must(path string, request, into any) {
	p.t.Helper()
	got := p.send(http.MethodPost, path, request)
	if got.status != http.StatusOK || len(got.Errors) > 0 {
		p.t.Fatalf("%s: %d %+v", path, got.status, got.Errors)
	}
	if err := json.Unmarshal(got.Response, into); err != nil {
		p.t.Fatal(err)
	}
}

// begin asks for the details of a request and binds the page to them.
func (p *esignetPage) begin(a *ask, acrs string) {
	p.t.Helper()
	p.key, p.hash = "", ""
	got := p.send(http.MethodPost, "v3/oauth-details", esignetRequest(a, acrs))
	var details struct{ TransactionID string }
	if err := json.Unmarshal(got.Response, &details); err != nil || got.status != http.StatusOK {
		p.t.Fatalf("oauth-details: %d %+v", got.status, got.Errors)
	}
	sum := sha256.Sum256(got.Response)
	p.key, p.hash = details.TransactionID, base64.RawURLEncoding.EncodeToString(sum[:])
}

func esignetRequest(a *ask, acrs string) map[string]any {
	return map[string]any{
		"clientId": a.id, "scope": a.values.Get("scope"), "responseType": "code", "redirectUri": shared.callback,
		"state": a.values.Get("state"), "nonce": a.values.Get("nonce"), "acrValues": acrs,
		"codeChallenge": a.values.Get("code_challenge"), "codeChallengeMethod": "S256",
		"claims": map[string]any{"userinfo": map[string]any{"given_name": map[string]any{"essential": true}}},
	}
}

// authenticate logs in and returns what is next.
func (p *esignetPage) authenticate(factor, individualID, challenge string) string {
	p.t.Helper()
	var next struct{ ConsentAction string }
	p.must("v3/authenticate", p.challenge(factor, individualID, challenge), &next)
	return next.ConsentAction
}

func (p *esignetPage) challenge(factor, individualID, challenge string) map[string]any {
	return map[string]any{"transactionId": p.key, "individualId": individualID, "challengeList": []map[string]string{
		{"authFactorType": factor, "challenge": challenge, "format": "alpha-numeric"},
	}}
}

func (p *esignetPage) authCode(accepted ...string) (code, state string) {
	p.t.Helper()
	var made struct{ Code, State, RedirectURI string }
	p.must("auth-code", map[string]any{"transactionId": p.key, "acceptedClaims": accepted}, &made)
	if made.RedirectURI != shared.callback {
		p.t.Errorf("redirectUri %q", made.RedirectURI)
	}
	return made.Code, made.State
}

// esignetTokens redeems a code and asks who it is at eSignet's endpoints.
func (a *ask) esignetTokens(gateway, code string) (*tokens, *document) {
	a.t.Helper()
	got := tokensIn(a.t, a.send(gateway, "/v1/esignet/oauth/v2/token", a.form(a.grant(code)...)))
	if got.Access == "" {
		a.t.Fatalf("token: %d %s", got.answer.status, got.answer.body)
	}
	return got, a.fetch(http.MethodGet, gateway, "/v1/esignet/oidc/userinfo", got.Access, "")
}

func TestALoginThroughESignetsInterfaceWithAOneTimeCode(t *testing.T) {
	t.Parallel()
	a := newParty(t, clientID).ask("openid profile email")
	page := newESignetPage(t, there())
	page.begin(a, acrOTP+" "+acrPIN)
	var sent struct{ MaskedEmail, MaskedMobile string }
	page.must("send-otp", map[string]any{"transactionId": page.key, "individualId": "2000000170", "otpChannels": []string{"email", "phone"}}, &sent)
	if !strings.Contains(sent.MaskedEmail, "*") || !strings.Contains(sent.MaskedMobile, "*") {
		t.Errorf("masked: %+v", sent)
	}
	code := newLetter(t, "2000000170", 0)
	page.gateway = here() // the next step of the same login in the other zone
	if got := page.send(http.MethodPost, "v3/authenticate", page.challenge("OTP", "2000000170", "000000")); got.code() != "auth_failed" {
		t.Errorf("a wrong code: %d %s", got.status, got.code())
	}
	if next := page.authenticate("OTP", "2000000170", code); next != "CAPTURE" {
		t.Errorf("a first login goes on with %s", next)
	}
	status := page.send(http.MethodGet, "claim-details", nil)
	if !strings.Contains(string(status.Response), `"claim":"email"`) {
		t.Errorf("claim-details: %d %s", status.status, status.Response)
	}
	made, state := page.authCode("given_name", "email")
	if state != a.values.Get("state") {
		t.Errorf("state %q", state)
	}
	got, info := a.esignetTokens(there(), made)
	told := map[string]any{}
	decode(t, info, &told)
	if info.status != http.StatusOK || !slices.Equal(person(told), []string{"email", "email_verified", "given_name"}) {
		t.Errorf("userinfo: %d %s", info.status, info.body)
	}
	if id := claims(t, got.ID); id["acr"] != acrOTP || id["nonce"] != a.values.Get("nonce") {
		t.Errorf("ID token: %v", id)
	}
	var keys, own any
	decode(t, page.get(here()+"/v1/esignet/oauth/.well-known/jwks.json"), &keys)
	decode(t, page.get(there()+"/jwks.json"), &own)
	if one, other := mustJSON(t, keys), mustJSON(t, own); one != other {
		t.Errorf("eSignet's keys are not the provider's: %s, %s", one, other)
	}
	if again := a.redeem(here(), made); again.Error != "invalid_grant" {
		t.Errorf("the code again at the provider's own endpoint: %d %s", again.answer.status, again.answer.body)
	}
	a.mustDie(got.Access)
}

func mustJSON(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestALoginThroughESignetsInterfaceKnowsConsent(t *testing.T) {
	t.Parallel()
	p := newParty(t, clientID)
	p.obtain("openid profile", "2000000171") // on the provider's own pages
	a := p.ask("openid profile")
	page := newESignetPage(t, here())
	page.begin(a, acrPIN)
	if next := page.authenticate("PIN", "2000000171", pin); next != "NOCAPTURE" {
		t.Errorf("with known consent the login goes on with %s", next)
	}
	made, _ := page.authCode()
	if _, info := a.esignetTokens(here(), made); info.status != http.StatusOK || !strings.Contains(info.body, `"name"`) {
		t.Errorf("userinfo: %d %s", info.status, info.body)
	}
}

func TestESignetsStepsHaveOneOrder(t *testing.T) {
	t.Parallel()
	for name, gateway := range map[string]string{
		"with the statuses that they deserve": there(),
		"with 200 as eSignet":                 startProvider(t, "l", func(config *identity.Config) { config.ESignet.Legacy200 = true }),
	} {
		t.Run(name, func(t *testing.T) {
			legacy := gateway != there()
			for _, test := range refusedSteps(t, gateway) {
				want := test.status
				if legacy && want != http.StatusForbidden {
					want = http.StatusOK
				}
				if test.got.code() != test.code || test.got.status != want || string(test.got.Response) != "null" {
					t.Errorf("%s: %d %s, want %d %s", test.name, test.got.status, test.got.code(), want, test.code)
				}
			}
		})
	}
}

type refusedStep struct {
	name   string
	got    *reply
	status int
	code   string
}

// refusedSteps does what no page should.
func refusedSteps(t *testing.T, gateway string) []refusedStep {
	t.Helper()
	a := newParty(t, clientID).ask("openid profile")
	who := "2000000172"
	fresh := newESignetPage(t, gateway)
	noKey := fresh.send(http.MethodPost, "v3/authenticate", fresh.challenge("PIN", who, pin))
	fresh.begin(a, acrPIN)
	code := map[string]any{"transactionId": fresh.key, "acceptedClaims": []string{"given_name"}}
	early := fresh.send(http.MethodPost, "auth-code", code)
	earlyDetails := fresh.send(http.MethodGet, "claim-details", nil)
	factor := fresh.send(http.MethodPost, "v3/authenticate", fresh.challenge("OTP", who, "123456"))
	wrong := fresh.send(http.MethodPost, "v3/authenticate", fresh.challenge("PIN", who, "0000"))

	changed := *fresh
	changed.hash = strings.Repeat("A", 43)
	otherHash := changed.send(http.MethodPost, "v3/authenticate", changed.challenge("PIN", who, pin))
	forged := *fresh
	forged.csrf = strings.Repeat("A", 26)
	noCSRF := forged.send(http.MethodPost, "v3/authenticate", forged.challenge("PIN", who, pin))
	unknown := *fresh
	unknown.key = "unknown"
	gone := unknown.send(http.MethodPost, "v3/authenticate", unknown.challenge("PIN", who, pin))

	fresh.authenticate("PIN", who, pin)
	greedy := fresh.send(http.MethodPost, "auth-code", map[string]any{"transactionId": fresh.key, "acceptedClaims": []string{"given_name", "email"}})
	refused := fresh.send(http.MethodPost, "auth-code", map[string]any{"transactionId": fresh.key, "acceptedClaims": []string{}})
	nobody := newESignetPage(t, gateway)
	request := esignetRequest(a, acrPIN)
	request["clientId"] = "nobody"
	return []refusedStep{
		{"authenticate before oauth-details", noKey, http.StatusBadRequest, "missing_header"},
		{"auth-code before authenticate", early, http.StatusNotFound, "invalid_transaction"},
		{"claim-details before authenticate", earlyDetails, http.StatusNotFound, "invalid_transaction"},
		{"a factor that was not asked for", factor, http.StatusUnprocessableEntity, "auth_factor_mismatch"},
		{"a wrong PIN", wrong, http.StatusUnprocessableEntity, "auth_failed"},
		{"the hash of other details", otherHash, http.StatusBadRequest, "invalid_request"},
		{"another CSRF token", noCSRF, http.StatusForbidden, "invalid_csrf_token"},
		{"an unknown transaction", gone, http.StatusNotFound, "invalid_transaction"},
		{"a claim that was not asked for", greedy, http.StatusBadRequest, "invalid_accepted_claim"},
		{"a consent without what is essential", refused, http.StatusBadRequest, "invalid_accepted_claim"},
		{"an unknown client", nobody.send(http.MethodPost, "v3/oauth-details", request), http.StatusBadRequest, "invalid_client_id"},
	}
}
