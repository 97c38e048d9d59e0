package conformance_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"tocsin/internal/target"
	"tocsin/probes/conformance"
	"tocsin/probes/journey"
	"tocsin/probes/login"
	"tocsin/probes/login/pages"
	"tocsin/probes/oidc"
)

const (
	clientID, clientSecret = "tocsin", "a secret of the client"
	otherID, otherSecret   = "other", "a secret of the other"
	callback               = "https://client.invalid/callback"
)

// provider is an OpenID provider that keeps every rule, except those that it
// lacks by the name of the check.
type provider struct {
	t           *testing.T
	server      *httptest.Server
	key, client *ecdsa.PrivateKey

	lacks string
	// document and keys change what is published; meddle stands before it all.
	document func(map[string]any)
	keys     func([]map[string]any) []map[string]any
	claims   func(map[string]any)
	meddle   func(w http.ResponseWriter, r *http.Request, next http.Handler)
	// consents asks for consent at every login, and codeFirst looks at the code
	// before the client.
	consents, codeFirst bool

	mu     sync.Mutex
	txs    map[string]url.Values
	codes  map[string]*code
	tokens map[string]bool
}

type code struct {
	request url.Values
	used    bool
	tokens  []string
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{t: t, key: newKey(t), client: newKey(t), txs: map[string]url.Values{}, codes: map[string]*code{}, tokens: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /jwks", p.jwks)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /login", p.login)
	mux.HandleFunc("POST /consent", func(w http.ResponseWriter, r *http.Request) { p.respond(w, r, p.request(r)) })
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /userinfo", p.userinfo)
	mux.HandleFunc("POST /introspect", p.introspect)
	p.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.meddle != nil {
			p.meddle(w, r, mux)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.server.Close)
	return p
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// config is the configuration of a client that proves itself by a key.
func (p *provider) config() conformance.Config {
	p.t.Helper()
	folder := p.t.TempDir()
	encoded, err := json.Marshal(jose.JSONWebKey{Key: p.client, KeyID: "c1"})
	if err != nil {
		p.t.Fatal(err)
	}
	write := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			p.t.Fatal(err)
		}
		return path
	}
	pool := x509.NewCertPool()
	pool.AddCert(p.server.Certificate())
	return conformance.Config{Login: oidc.Config{
		// Long enough for a machine that is busy with other tests.
		Config: journey.Config{
			Target: "test", Roots: pool, ExchangeTimeout: 20 * time.Second, AttemptTimeout: time.Minute, ClockSynchronised: func() bool { return true },
		},
		Issuer:  p.server.URL,
		Client:  target.Client{ID: clientID, Auth: target.AuthPrivateKeyJWT, KeyFile: write("key", string(encoded)), RedirectURI: callback, Scopes: []string{"openid"}},
		Service: target.ServiceClient{ID: otherID, Auth: target.AuthClientSecretBasic, SecretFile: write("other", otherSecret)},
		Driver:  pages.New(pages.Config{Person: login.Person{ID: "person", SecretFile: write("pin", "1234")}}),
	}}
}

// bySecret is the configuration of a client that proves itself by a secret.
func (p *provider) bySecret(method string) conformance.Config {
	p.t.Helper()
	cfg := p.config()
	secret := filepath.Join(p.t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(clientSecret), 0o600); err != nil {
		p.t.Fatal(err)
	}
	cfg.Login.Client.Auth, cfg.Login.Client.KeyFile, cfg.Login.Client.SecretFile = method, "", secret
	return cfg
}

func (p *provider) discovery(w http.ResponseWriter, _ *http.Request) {
	document := map[string]any{
		"issuer": p.server.URL, "authorization_endpoint": p.server.URL + "/authorize", "token_endpoint": p.server.URL + "/token",
		"userinfo_endpoint": p.server.URL + "/userinfo", "introspection_endpoint": p.server.URL + "/introspect", "jwks_uri": p.server.URL + "/jwks",
		"scopes_supported": []string{"openid"}, "response_types_supported": []string{"code"}, "grant_types_supported": []string{"authorization_code"},
		"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"ES256", "RS256"},
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt", "client_secret_basic", "client_secret_post", "none"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"ES256"}, "code_challenge_methods_supported": []string{"S256"},
		"request_parameter_supported": true, "request_object_signing_alg_values_supported": []string{"ES256"},
		"authorization_response_iss_parameter_supported": true, "dpop_signing_alg_values_supported": []string{"ES256"},
	}
	if p.document != nil {
		p.document(document)
	}
	p.json(w, http.StatusOK, document)
}

func (p *provider) jwks(w http.ResponseWriter, _ *http.Request) {
	keys := []map[string]any{p.jwk(jose.JSONWebKey{Key: p.key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"})}
	if p.keys != nil {
		keys = p.keys(keys)
	}
	p.json(w, http.StatusOK, map[string]any{"keys": keys})
}

func (p *provider) jwk(key jose.JSONWebKey) map[string]any {
	text, err := json.Marshal(key)
	var members map[string]any
	if err == nil {
		err = json.Unmarshal(text, &members)
	}
	if err != nil {
		p.t.Error(err)
	}
	return members
}

// authorize answers an authorization request.
func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	request := r.URL.Query()
	if request.Get("client_id") != clientID || request.Get("redirect_uri") != callback && p.lacks != "redirect-uri-unregistered" {
		http.Error(w, "not a client of mine", http.StatusBadRequest)
		return
	}
	kind := request.Get("response_type")
	switch {
	case kind == "" && p.lacks != "response-type-missing":
		p.answer(w, r, request, url.Values{"error": {"invalid_request"}})
	case kind != "" && kind != "code" && p.lacks != "response-type-unknown":
		p.answer(w, r, request, url.Values{"error": {"unsupported_response_type"}})
	case request.Get("request") != "" && p.lacks != "request-object-unsigned":
		p.answer(w, r, request, url.Values{"error": {"invalid_request_object"}})
	case request.Get("code_challenge_method") == "plain" && p.lacks != "pkce-plain":
		p.answer(w, r, request, url.Values{"error": {"invalid_request"}})
	default:
		p.ask(w, r, request)
	}
}

// ask shows the page that the person has to see, or none.
func (p *provider) ask(w http.ResponseWriter, r *http.Request, request url.Values) {
	_, err := r.Cookie("sid")
	silent := request.Get("prompt") == "none"
	tx := rand.Text()
	p.mu.Lock()
	p.txs[tx] = request
	p.mu.Unlock()
	switch {
	case silent && err != nil && p.lacks != "prompt-none":
		p.answer(w, r, request, url.Values{"error": {"login_required"}})
	case silent || err == nil && !p.consents:
		p.respond(w, r, request)
	case err == nil:
		p.consentPage(w, tx)
	default:
		fmt.Fprintf(w, `<form method="post" action="/login"><input type="hidden" name="tx" value="%s"><input name="username"><input type="password" name="pin"><button>Go on</button></form>`, tx)
	}
}

func (p *provider) consentPage(w http.ResponseWriter, tx string) {
	fmt.Fprintf(w, `<form method="post" action="/consent"><input type="hidden" name="tx" value="%s"><button name="decision" value="deny">No</button><button name="decision" value="allow">Allow</button></form>`, tx)
}

func (p *provider) login(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: "sid", Value: "s", Path: "/", Secure: true, HttpOnly: true})
	if p.consents {
		p.consentPage(w, r.FormValue("tx"))
		return
	}
	p.respond(w, r, p.request(r))
}

// request is the authorization request that a form is about.
func (p *provider) request(r *http.Request) url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.txs[r.FormValue("tx")]
}

func (p *provider) respond(w http.ResponseWriter, r *http.Request, request url.Values) {
	made := rand.Text()
	p.mu.Lock()
	p.codes[made] = &code{request: request}
	p.mu.Unlock()
	p.answer(w, r, request, url.Values{"code": {made}})
}

// answer sends the person back to the client.
func (p *provider) answer(w http.ResponseWriter, r *http.Request, request, answer url.Values) {
	answer.Set("state", request.Get("state"))
	answer.Set("iss", p.server.URL)
	if answer.Has("error") && p.lacks == "state of errors" {
		answer.Del("state")
	}
	if answer.Has("error") && p.lacks == "iss of errors" {
		answer.Del("iss")
	}
	http.Redirect(w, r, request.Get("redirect_uri")+"?"+answer.Encode(), http.StatusSeeOther)
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	if p.lacks != "token-no-store" {
		w.Header().Set("Cache-Control", "no-store")
	}
	client := p.authenticate(r)
	if client == "" && !p.codeFirst {
		p.json(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	if r.FormValue("grant_type") != "authorization_code" {
		if p.lacks == "grant-type-unknown" {
			p.issue(w, &code{request: url.Values{}})
			return
		}
		p.json(w, http.StatusBadRequest, map[string]any{"error": "unsupported_grant_type"})
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	found := p.codes[r.FormValue("code")]
	switch {
	case found == nil || !p.redeemable(found, r, client):
		p.json(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
	case client == "":
		p.json(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
	default:
		found.used = true
		p.issue(w, found)
	}
}

// redeemable is the list of rules about codes.
func (p *provider) redeemable(found *code, r *http.Request, client string) bool {
	if found.used && p.lacks != "code-reuse" {
		for _, token := range found.tokens {
			p.tokens[token] = p.lacks == "code-reuse-revokes"
		}
		return false
	}
	if client != clientID && client != "" && p.lacks != "code-of-another-client" || r.FormValue("redirect_uri") != found.request.Get("redirect_uri") && p.lacks != "redirect-uri-mismatch" {
		return false
	}
	verifier, challenge := r.FormValue("code_verifier"), found.request.Get("code_challenge")
	sum := sha256.Sum256([]byte(verifier))
	switch {
	case challenge == "":
		return verifier == "" || p.lacks == "pkce-downgrade"
	case verifier == "":
		return p.lacks == "pkce-verifier-missing"
	case found.request.Get("code_challenge_method") == "plain":
		return verifier == challenge
	}
	return base64.RawURLEncoding.EncodeToString(sum[:]) == challenge || p.lacks == "pkce-verifier-wrong"
}

func (p *provider) issue(w http.ResponseWriter, found *code) {
	access := rand.Text() + rand.Text()
	p.tokens[access] = true
	found.tokens = append(found.tokens, access)
	now := time.Now()
	claims := map[string]any{
		"iss": p.server.URL, "aud": clientID, "sub": "person", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "nonce": found.request.Get("nonce"),
	}
	if found.request.Has("max_age") && p.lacks != "max-age" {
		claims["auth_time"] = now.Unix()
	}
	if p.claims != nil {
		p.claims(claims)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.key, KeyID: "k1"}}, nil)
	if err != nil {
		p.t.Error(err)
		return
	}
	signed, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		p.t.Error(err)
	}
	p.json(w, http.StatusOK, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 60, "id_token": signed})
}

// authenticate returns who the client is, nothing where it does not prove that.
func (p *provider) authenticate(r *http.Request) string {
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.FormValue("client_id"), r.FormValue("client_secret")
	}
	secret, err := url.QueryUnescape(secret)
	if err != nil {
		return ""
	}
	assertion := r.FormValue("client_assertion")
	switch {
	case id == otherID && secret == otherSecret, id == clientID && secret == clientSecret:
		return id
	case assertion != "" && p.proves(assertion), secret != "" && p.lacks == "client-wrong":
		return clientID
	case assertion == "" && secret == "" && p.lacks == "client-unproven":
		return id
	}
	return ""
}

func (p *provider) proves(assertion string) bool {
	if strings.HasSuffix(assertion, ".") {
		return p.lacks == "assertion-unsigned"
	}
	parsed, err := jwt.ParseSigned(assertion, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return false
	}
	var claims jwt.Claims
	if parsed.Claims(p.client.Public(), &claims) != nil {
		return p.lacks == "client-wrong"
	}
	return (claims.Audience.Contains(p.server.URL) || p.lacks == "assertion-wrong-audience") &&
		(time.Now().Before(claims.Expiry.Time()) || p.lacks == "assertion-expired")
}

func (p *provider) userinfo(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	p.mu.Lock()
	good := p.tokens[token]
	p.mu.Unlock()
	if good || token == "" && p.lacks == "userinfo-without-token" || token != "" && p.lacks == "userinfo-wrong-token" {
		p.json(w, http.StatusOK, map[string]any{"sub": "person"})
		return
	}
	if p.lacks != "WWW-Authenticate" {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(http.StatusUnauthorized)
}

func (p *provider) introspect(w http.ResponseWriter, r *http.Request) {
	if p.authenticate(r) == "" && p.lacks != "introspection-open" {
		p.json(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	p.json(w, http.StatusOK, map[string]any{"active": true})
}

func (p *provider) json(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(value); err != nil {
		p.t.Error(err)
	}
}
