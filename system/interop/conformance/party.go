package conformance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"tocsin/system/interop/browser"
)

// party is one relying party or wallet, and the person who visits it, for the
// length of one module.
type party struct {
	target  *Target
	meta    members // of the authorization server
	client  Client
	pushes  bool              // sends its requests by PAR
	key     *ecdsa.PrivateKey // makes DPoP proofs; nil for bearer tokens
	skew    time.Duration     // of its clock, in DPoP proofs
	nonce   string            // the newest DPoP nonce of the provider
	back    *http.Client
	browser *browser.Browser
	person  browser.Person
	close   func()
}

// arrive returns client as a party with a fresh person and browser.
func arrive(ctx context.Context, target *Target, client Client) (*party, error) {
	wires := &http.Transport{TLSClientConfig: target.Trust, ForceAttemptHTTP2: true}
	var transport http.RoundTripper = wires
	if target.between != nil {
		transport = target.between(wires)
	}
	front, err := browser.New(transport, client.RedirectURI)
	if err != nil {
		return nil, err
	}
	p := &party{
		target: target, client: client, browser: front, person: target.Person(),
		back: &http.Client{
			Transport: transport, Timeout: 15 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		close: wires.CloseIdleConnections,
	}
	discovered, err := p.do(ctx, call{address: target.Issuer + "/.well-known/openid-configuration"})
	if err == nil {
		err = discovered.accepted(http.StatusOK)
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("discover: %w", err)
	}
	p.meta = discovered.json
	return p, nil
}

// profiled makes the party follow FAPI 2.0: it pushes and proves.
func (p *party) profiled() (*party, error) {
	p.pushes = true
	return p, p.renew()
}

// renew gives the party a new DPoP key.
func (p *party) renew() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make DPoP key: %w", err)
	}
	p.key = key
	return nil
}

// as returns another client that shares p's browser, person and DPoP key.
func (p *party) as(client Client) *party {
	other := *p
	other.client = client
	other.browser.Until(client.RedirectURI)
	return &other
}

func (p *party) endpoint(name string) string {
	address, _ := p.meta[name].(string)
	return address
}

// request is one authorization request and what only its sender knows.
type request struct {
	values   url.Values
	verifier string
}

// request returns a usual request, changed by change.
func (p *party) request(change ...func(url.Values)) *request {
	r := &request{verifier: rand.Text() + rand.Text()}
	hash := sha256.Sum256([]byte(r.verifier))
	r.values = url.Values{
		"client_id": {p.client.ID}, "redirect_uri": {p.client.RedirectURI}, "response_type": {"code"},
		"scope": {p.client.Scope}, "state": {rand.Text()}, "nonce": {rand.Text()},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(hash[:])}, "code_challenge_method": {"S256"},
	}
	for _, spoil := range change {
		spoil(r.values)
	}
	return r
}

// with and without are the usual changes of a request.
func with(name, value string) func(url.Values) {
	return func(values url.Values) { values.Set(name, value) }
}

func without(names ...string) func(url.Values) {
	return func(values url.Values) {
		for _, name := range names {
			values.Del(name)
		}
	}
}

// push sends the request to the PAR endpoint (RFC 9126, 2.1).
func (p *party) push(ctx context.Context, r *request, change ...func(*call)) (*answer, error) {
	c := call{address: p.endpoint("pushed_authorization_request_endpoint"), form: r.values, client: &p.client}
	for _, spoil := range change {
		spoil(&c)
	}
	return p.do(ctx, c)
}

// pushed returns the request_uri of a request that must be accepted.
func (p *party) pushed(ctx context.Context, r *request, change ...func(*call)) (string, error) {
	got, err := p.push(ctx, r, change...)
	if err != nil {
		return "", err
	}
	if err := got.accepted(http.StatusCreated); err != nil {
		return "", fmt.Errorf("pushed request: %w", err)
	}
	if got.text("request_uri") == "" || got.json["expires_in"] == nil {
		return "", fmt.Errorf("pushed request: members are missing in %s", got)
	}
	return got.text("request_uri"), nil
}

// address is where the browser is sent with values.
func (p *party) address(values url.Values) string {
	return p.endpoint("authorization_endpoint") + "?" + values.Encode()
}

// visit opens a request_uri.
func (p *party) visit(ctx context.Context, requestURI string) (*browser.Page, error) {
	return p.browser.Open(ctx, p.address(url.Values{"client_id": {p.client.ID}, "request_uri": {requestURI}}))
}

// begin sends the browser to the provider.
func (p *party) begin(ctx context.Context, r *request) (*browser.Page, error) {
	if !p.pushes {
		return p.browser.Open(ctx, p.address(r.values))
	}
	requestURI, err := p.pushed(ctx, r)
	if err != nil {
		return nil, err
	}
	return p.visit(ctx, requestURI)
}

// logIn begins and answers every page.
func (p *party) logIn(ctx context.Context, r *request) (*browser.Visit, error) {
	page, err := p.begin(ctx, r)
	if err != nil {
		return nil, err
	}
	return p.browser.LogIn(ctx, page, p.person, browser.Allow)
}

// callback returns what came back for r, after checking what every answer must
// have: the state, and the issuer (RFC 9207, 2.4).
func (p *party) callback(r *request, visit *browser.Visit) (url.Values, error) {
	got, err := visit.Callback()
	if err != nil {
		return nil, err
	}
	if got.Get("state") != r.values.Get("state") {
		return nil, fmt.Errorf("state %q came back as %q", r.values.Get("state"), got.Get("state"))
	}
	if got.Get("iss") != p.target.Issuer {
		return nil, fmt.Errorf("iss is %q, want %q", got.Get("iss"), p.target.Issuer)
	}
	return got, nil
}

// code logs in and returns the code.
func (p *party) code(ctx context.Context, r *request) (string, error) {
	visit, err := p.logIn(ctx, r)
	if err != nil {
		return "", err
	}
	return p.granted(r, visit)
}

// granted returns the code that a visit must have brought.
func (p *party) granted(r *request, visit *browser.Visit) (string, error) {
	got, err := p.callback(r, visit)
	if err != nil {
		return "", err
	}
	if got.Get("code") == "" {
		return "", fmt.Errorf("no code but %v", got)
	}
	return got.Get("code"), nil
}

// redeem sends the code to the token endpoint.
func (p *party) redeem(ctx context.Context, r *request, code string, change ...func(*call)) (*answer, error) {
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {p.client.RedirectURI},
		"client_id": {p.client.ID}, "code_verifier": {r.verifier},
	}
	c := call{address: p.endpoint("token_endpoint"), form: form, client: &p.client}
	for _, spoil := range change {
		spoil(&c)
	}
	return p.do(ctx, c)
}

// refresh sends a refresh token to the token endpoint.
func (p *party) refresh(ctx context.Context, token string, change ...func(*call)) (*answer, error) {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {p.client.ID}}
	c := call{address: p.endpoint("token_endpoint"), form: form, client: &p.client}
	for _, spoil := range change {
		spoil(&c)
	}
	return p.do(ctx, c)
}

// userinfo asks with an access token.
func (p *party) userinfo(ctx context.Context, token string, change ...func(*call)) (*answer, error) {
	c := call{address: p.endpoint("userinfo_endpoint"), token: token}
	for _, spoil := range change {
		spoil(&c)
	}
	return p.do(ctx, c)
}
