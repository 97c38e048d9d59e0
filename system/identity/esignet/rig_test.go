package esignet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/system/authenticator"
	"tocsin/system/identity/attempts"
	"tocsin/system/identity/authorize"
	"tocsin/system/identity/clientadmin"
	"tocsin/system/identity/clients"
	"tocsin/system/identity/code"
	"tocsin/system/identity/grant"
	"tocsin/system/identity/login"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/policy"
	"tocsin/system/identity/secret"
	"tocsin/system/identity/spent"
	"tocsin/system/identity/store"
	"tocsin/system/identity/token"
	"tocsin/system/identity/transaction"
)

const (
	issuer   = "https://op.example"
	redirect = "https://rp.example/cb"
	pkce     = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // of RFC 7636, B
)

var errAway = errors.New("connection refused")

// rig is the surface on the real core, with stores in memory that can be away.
type rig struct {
	*Surface
	codes *code.Sealer

	mu       sync.Mutex
	away     map[string]bool
	clients  map[string]*clients.Client
	grants   []*grant.Grant
	volatile map[string][]byte
	judged   int
	now      time.Time
	access   *token.AccessClaims
	counts   *attempts.Local
}

func newRig(t testing.TB, change ...func(*Config)) *rig {
	t.Helper()
	g := &rig{
		away: map[string]bool{}, volatile: map[string][]byte{}, now: time.Now(),
		clients: map[string]*clients.Client{"rp": {
			ID: "rp", Name: "Relying Party", NameByLanguage: map[string]string{"nb": "Kunde"}, LogoURI: "https://rp.example/logo?a=1&b=<2>",
			RedirectURIs: []string{redirect}, Scopes: []string{"openid", "profile", "email", "records"}, GrantTypes: []string{"authorization_code"},
		}},
	}
	keys, err := secret.Derive(bytes.Repeat([]byte("p"), 32))
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := transaction.NewSealer(keys, g.clock)
	if err != nil {
		t.Fatal(err)
	}
	if g.codes, err = code.NewSealer(keys, g.clock); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	g.counts = attempts.NewLocal(g.clock)
	steps := &login.Service{
		Clients: g, Authenticator: g, Grants: grants{g}, Marks: marks{g}, Attempts: attempts.New(g.counts, policy.Judge{}, g.clock),
		Codes: g.codes, Keys: keys, Issuer: issuer, Life: 10 * time.Minute, CodeLife: time.Minute, SessionLife: time.Hour,
		Now: g.clock, Log: log,
	}
	requests := &authorize.Service{
		Clients: g, Login: steps, Transactions: sealer, Keys: keys, Rules: authorize.Rules{Issuer: issuer},
		Life: 10 * time.Minute, Now: g.clock, Pushed: pushed{},
	}
	echo := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) })
	}
	config := Config{
		Requests: requests, Steps: steps, Claims: g, Registrations: &clientadmin.Service{Store: g}, Guard: g, Clients: g,
		Volatile: volatile{g}, Attempts: counter{g}, Sealer: sealer, Token: echo("token"), PAR: echo("par"), Userinfo: echo("userinfo"),
		JWKS: echo("jwks"), Metadata: []byte(`{"issuer":"https://op.example","token_endpoint":"x","scopes_supported":["openid"]}`),
		Issuer: issuer, Now: g.clock, Log: log,
	}
	for _, one := range change {
		one(&config)
	}
	if g.Surface, err = New(config); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *rig) clock() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now
}

// down reports whether a dependency is away.
func (g *rig) down(what string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.away[what] {
		return errAway
	}
	return nil
}

func (g *rig) Client(_ context.Context, id string) (*clients.Client, error) {
	if err := g.down("clients"); err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if known, found := g.clients[id]; found {
		return known, nil
	}
	return nil, store.ErrNotFound
}

func (g *rig) CreateClient(_ context.Context, c *clients.Client) error {
	if err := g.down("clients"); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if known, found := g.clients[c.ID]; found && !equal(known, c) {
		return store.ErrExists
	}
	g.clients[c.ID] = c
	return nil
}

func (g *rig) ChangeClient(_ context.Context, id string, change func(*clients.Client) error) (*clients.Client, error) {
	if err := g.down("clients"); err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	known, found := g.clients[id]
	if !found {
		return nil, store.ErrNotFound
	}
	changed := *known
	if err := change(&changed); err != nil {
		return nil, err
	}
	g.clients[id] = &changed
	return &changed, nil
}

func equal(a, b *clients.Client) bool {
	one, errOne := json.Marshal(a)
	other, errOther := json.Marshal(b)
	return errOne == nil && errOther == nil && bytes.Equal(one, other)
}

func (g *rig) Authenticate(_ context.Context, attempt authenticator.Attempt) (string, error) {
	if err := g.down("authenticator"); err != nil {
		return "", err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.judged++
	if attempt.Challenge != "111111" {
		return "", authenticator.ErrMismatch
	}
	return "person " + attempt.IndividualID, nil
}

func (g *rig) SendOTP(context.Context, string, string) (*authenticator.Delivery, error) {
	return &authenticator.Delivery{MaskedEmail: "a***@***", MaskedPhone: "***12"}, g.down("authenticator")
}

func (g *rig) Claims(context.Context, string, []string) (map[string]any, error) {
	return map[string]any{"name": "Ada", "email": "ada@example.org"}, g.down("authenticator")
}

func (g *rig) Offer(http.ResponseWriter, *http.Request) {}

func (g *rig) Check(_ *http.Request, scope string) (*token.AccessClaims, error) {
	if err := g.down("keys"); err != nil {
		return nil, err
	}
	if g.access == nil {
		return nil, oautherr.New(oautherr.InvalidToken, "an access token is needed")
	}
	if g.access.Scope != scope {
		return nil, oautherr.New(oautherr.InsufficientScope, "scope %s is needed", scope)
	}
	return g.access, nil
}

type grants struct{ *rig }

func (g grants) Save(_ context.Context, one *grant.Grant) error {
	if err := g.down("grants"); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rig.grants = append(g.rig.grants, one)
	return nil
}

func (g grants) Grant(context.Context, string) (*grant.Grant, error) { return nil, store.ErrNotFound }

func (g grants) Latest(_ context.Context, clientID, person string) (*grant.Grant, error) {
	if err := g.down("grants"); err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := len(g.rig.grants) - 1; i >= 0; i-- {
		if one := g.rig.grants[i]; one.ClientID == clientID && one.Person == person {
			return one, nil
		}
	}
	return nil, store.ErrNotFound
}

type marks struct{ *rig }

func (m marks) Spend(context.Context, string, ...spent.Mark) error { return m.down("marks") }

type pushed struct{}

func (pushed) Open(requestURI, _ string) (url.Values, string, error) {
	if requestURI != authorize.RequestURIPrefix+"good" {
		return nil, "", oautherr.New(oautherr.InvalidRequestURI, "request_uri is not known, or is another client's")
	}
	return url.Values{
		"client_id": {"rp"}, "redirect_uri": {redirect}, "scope": {"openid"}, "response_type": {"code"},
		"code_challenge": {pkce}, "code_challenge_method": {"S256"},
	}, "pushed", nil
}

type volatile struct{ *rig }

func (v volatile) Put(_ context.Context, kind, id string, value []byte, _ time.Duration) error {
	if err := v.down("redis"); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.rig.volatile[kind+id] = value
	return nil
}

func (v volatile) Get(_ context.Context, kind, id string) ([]byte, error) {
	if err := v.down("redis"); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if value, found := v.rig.volatile[kind+id]; found {
		return value, nil
	}
	return nil, store.ErrNotFound
}

func (v volatile) Update(ctx context.Context, kind, id string, value []byte, life time.Duration) error {
	if _, err := v.Get(ctx, kind, id); err != nil {
		return err
	}
	return v.Put(ctx, kind, id, value, life)
}

func (v volatile) Delete(context.Context, string, string) error { return v.down("redis") }

type counter struct{ *rig }

func (c counter) Count(ctx context.Context, keys ...attempts.Key) ([]int, error) {
	if err := c.down("redis"); err != nil {
		return nil, err
	}
	return c.counts.Count(ctx, keys...)
}

func (c counter) Forget(ctx context.Context, keys ...attempts.Key) error {
	return c.counts.Forget(ctx, keys...)
}

// page is a browser with eSignet's page in it.
type page struct {
	t    testing.TB
	rig  *rig
	csrf string
	key  string
	hash string
}

func visit(t testing.TB, g *rig) *page {
	t.Helper()
	recorder := httptest.NewRecorder()
	g.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, Prefix+"/csrf/token", nil))
	var answer struct{ HeaderName, Token string }
	if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil || answer.HeaderName != "X-XSRF-TOKEN" {
		t.Fatalf("csrf: %v in %s", err, recorder.Body)
	}
	return &page{t: t, rig: g, csrf: answer.Token}
}

// reply is an answer, taken apart.
type reply struct {
	status   int
	header   http.Header
	code     string
	response json.RawMessage
	body     string
}

func (p *page) request(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, Prefix+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-XSRF-TOKEN", p.csrf)
	r.AddCookie(&http.Cookie{Name: "XSRF-TOKEN", Value: p.csrf})
	if p.key != "" {
		r.Header.Set("oauth-details-key", p.key)
		r.Header.Set("oauth-details-hash", p.hash)
	}
	return r
}

func (p *page) send(r *http.Request) *reply {
	p.t.Helper()
	recorder := httptest.NewRecorder()
	p.rig.ServeHTTP(recorder, r)
	got := &reply{status: recorder.Code, header: recorder.Header(), body: recorder.Body.String()}
	var answer struct {
		ResponseTime string
		Response     json.RawMessage
		Errors       []struct{ ErrorCode, ErrorMessage string }
	}
	if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil {
		p.t.Fatalf("%s: %v in %s", r.URL, err, recorder.Body)
	}
	if len(answer.Errors) > 0 {
		got.code = answer.Errors[0].ErrorCode
	}
	if string(answer.Response) != "null" {
		got.response = answer.Response
	}
	return got
}

func (p *page) post(path string, request any) *reply {
	p.t.Helper()
	return p.send(p.request("POST", path, p.rig.envelope(p.t, request)))
}

func (g *rig) envelope(t testing.TB, request any) string {
	t.Helper()
	inner, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"requestTime":%q,"request":%s}`, g.clock().UTC().Format(timeFormat), inner)
}

// asking is a good authorization request, changed by pairs of names and values.
func asking(pairs ...any) map[string]any {
	request := map[string]any{
		"clientId": "rp", "scope": "openid profile email records", "responseType": "code", "redirectUri": redirect, "nonce": "n-1",
		"state": "s-1", "acrValues": "mosip:idp:acr:generated-code mosip:idp:acr:static-code", "codeChallenge": pkce,
		"codeChallengeMethod": "S256", "claims": map[string]any{"userinfo": map[string]any{"name": map[string]any{"essential": true}}},
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		request[pairs[i].(string)] = pairs[i+1]
	}
	return request
}

// begin makes the page one within a transaction.
func (p *page) begin() json.RawMessage {
	p.t.Helper()
	got := p.post("/authorization/v3/oauth-details", asking())
	if got.status != 200 {
		p.t.Fatalf("oauth-details: %d %s", got.status, got.body)
	}
	var response struct{ TransactionID string }
	if err := json.Unmarshal(got.response, &response); err != nil {
		p.t.Fatal(err)
	}
	p.key, p.hash = response.TransactionID, hashOf(got.response)
	return got.response
}

func (p *page) auth(id, pin string) map[string]any {
	return map[string]any{"transactionId": p.key, "individualId": id, "challengeList": []map[string]string{
		{"authFactorType": "PIN", "challenge": pin, "format": "number"},
	}}
}

func publicKey(t testing.TB) json.RawMessage {
	t.Helper()
	return json.RawMessage(`{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`)
}
