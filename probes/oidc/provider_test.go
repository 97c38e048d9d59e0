package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"tocsin/internal/target"
	"tocsin/probes/journey"
	"tocsin/probes/login"
	"tocsin/probes/login/pages"
	"tocsin/probes/oidc"
)

const (
	personID  = "1000000001"
	personPIN = "545411"
	clientID  = "tocsin-synthetic"
)

// provider is an OpenID provider in one file, for tests. Its zero faults make
// a right one; each field of faults breaks one promise.
type provider struct {
	t      *testing.T
	server *httptest.Server
	key    *ecdsa.PrivateKey
	client *jose.JSONWebKey
	faults faults
	// name is the issuer where it is not the address of the server.
	name string

	mu       sync.Mutex
	requests []*http.Request
	txs      map[string]url.Values
	codes    map[string]url.Values
	failed   map[string]int

	pushed    map[string]url.Values
	grants    map[string]*grant
	refreshes map[string]*grant
}

type faults struct {
	// status answers a path with this status; times bounds how often (0 always).
	path   string
	status int
	times  int
	// claims changes the ID token before it is signed.
	claims func(map[string]any)
	// response changes the parameters of the authorization response.
	response func(url.Values)
	// discovery changes the discovery document.
	discovery func(map[string]any)
	foreign   bool
	noConsent bool
	twoPages  bool
	loginPage string
	tokenLie  string
	userinfo  string
	keys      *jose.JSONWebKeySet
	now       func() time.Time
	hang      string
	// nonce demands a nonce in DPoP proofs; reusable never spends a refresh
	// token; lifetime of access tokens in seconds.
	nonce, reusable bool
	// public lets the client only say who it is.
	public bool
	// cache is the Cache-Control of the key set.
	cache    string
	lifetime int
	// meddle stands before the provider and may answer in its place.
	meddle func(w http.ResponseWriter, r *http.Request, next http.Handler)
}

func newProvider(t *testing.T, f faults) *provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	clientKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if f.now == nil {
		f.now = time.Now
	}
	p := &provider{
		t: t, key: key, faults: f, client: &jose.JSONWebKey{Key: clientKey, KeyID: "c1"},
		txs: map[string]url.Values{}, codes: map[string]url.Values{}, failed: map[string]int{},
		pushed: map[string]url.Values{}, grants: map[string]*grant{}, refreshes: map[string]*grant{},
	}
	p.server = httptest.NewTLSServer(p.handler())
	p.server.Config.ErrorLog = nil
	t.Cleanup(p.server.Close)
	return p
}

func (p *provider) issuer() string {
	if p.name != "" {
		return p.name
	}
	return p.server.URL
}

func (p *provider) config() oidc.Config {
	p.t.Helper()
	folder := p.t.TempDir()
	pool := x509.NewCertPool()
	pool.AddCert(p.server.Certificate())
	encoded, err := json.Marshal(p.client)
	if err != nil {
		p.t.Fatal(err)
	}
	write(p.t, filepath.Join(folder, "client.jwk"), encoded)
	return oidc.Config{
		Config: journey.Config{
			Target: "test", Roots: pool,
			// Long enough for a machine that is busy with other tests.
			ExchangeTimeout: 20 * time.Second, AttemptTimeout: time.Minute,
			ClockSynchronised: func() bool { return true },
		},
		Issuer: p.issuer(),
		Client: target.Client{
			ID: clientID, KeyFile: filepath.Join(folder, "client.jwk"),
			RedirectURI: "https://client.invalid/callback", PostLogoutRedirectURI: "https://client.invalid/bye", Scopes: []string{"openid", "profile"},
		},
		Driver: p.driver(folder, personPIN),
	}
}

// driver logs the person in with a PIN.
func (p *provider) driver(folder, pin string) oidc.Driver {
	file := filepath.Join(folder, "pin")
	write(p.t, file, []byte(pin+"\n"))
	return pages.New(pages.Config{Person: login.Person{ID: personID, SecretFile: file}})
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (p *provider) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /jwks.json", p.jwks)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("GET /ui/login", p.loginPage)
	mux.HandleFunc("POST /ui/login", p.login)
	mux.HandleFunc("GET /ui/consent", p.consentPage)
	mux.HandleFunc("POST /ui/consent", p.consent)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /userinfo", p.userinfo)
	p.features(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.requests = append(p.requests, r)
		broken := p.faults.path == r.URL.Path && (p.faults.times == 0 || p.failed[r.URL.Path] < p.faults.times)
		if broken {
			p.failed[r.URL.Path]++
		}
		p.mu.Unlock()
		w.Header().Set("Date", p.faults.now().UTC().Format(http.TimeFormat))
		if p.faults.hang == r.URL.Path {
			// Only once the body is read does the server notice that the
			// client went away.
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				p.t.Error(err)
			}
			<-r.Context().Done()
			return
		}
		if broken {
			http.Error(w, "broken", p.faults.status)
			return
		}
		if p.faults.meddle != nil {
			p.faults.meddle(w, r, mux)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (p *provider) discovery(w http.ResponseWriter, _ *http.Request) {
	document := map[string]any{
		"issuer": p.issuer(), "authorization_endpoint": p.issuer() + "/authorize",
		"token_endpoint": p.issuer() + "/token", "userinfo_endpoint": p.issuer() + "/userinfo",
		"jwks_uri": p.issuer() + "/jwks.json", "id_token_signing_alg_values_supported": []string{"ES256"},
		"authorization_response_iss_parameter_supported": true,
	}
	p.announceFeatures(document)
	if p.faults.discovery != nil {
		p.faults.discovery(document)
	}
	p.json(w, document)
}

func (p *provider) jwks(w http.ResponseWriter, _ *http.Request) {
	if p.faults.cache != "" {
		w.Header().Set("Cache-Control", p.faults.cache)
	}
	if p.faults.keys != nil {
		p.json(w, p.faults.keys)
		return
	}
	p.json(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
}

func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	query := p.pushedBy(r.URL.Query())
	if query.Get("code_challenge_method") != "S256" || query.Get("client_id") != clientID {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	if query.Get("prompt") == "none" {
		p.silently(w, r, query)
		return
	}
	tx := rand.Text()
	p.mu.Lock()
	p.txs[tx] = query
	p.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: "csrf", Value: "t-" + tx, Path: "/ui/", Secure: true, HttpOnly: true})
	http.Redirect(w, r, "/ui/login?tx="+tx, http.StatusSeeOther)
}

func (p *provider) loginPage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if p.faults.loginPage != "" {
		fmt.Fprint(w, p.faults.loginPage)
		return
	}
	pin := `<input name="pin" type="password">`
	if p.faults.twoPages {
		pin = ""
	}
	fmt.Fprintf(w, `<!doctype html><title>Log in</title><form action="/language"><select name="lang"><option value="en">en</select></form>
<form method="post" action="?tx=%[1]s"><input type="hidden" name="csrf" value="t-%[1]s"><input name="individual_id" inputmode="numeric">%[2]s<button>Go on</button></form>`,
		r.URL.Query().Get("tx"), pin)
}

func (p *provider) login(w http.ResponseWriter, r *http.Request) {
	tx := r.URL.Query().Get("tx")
	if cookie, err := r.Cookie("csrf"); err != nil || cookie.Value != r.PostFormValue("csrf") {
		http.Error(w, "csrf", http.StatusForbidden)
		return
	}
	if p.faults.twoPages && r.PostFormValue("pin") == "" {
		fmt.Fprintf(w, `<form method="post" action="?tx=%[1]s"><input type="hidden" name="csrf" value="t-%[1]s"><input type="hidden" name="individual_id" value="%[2]s"><input type="password" name="pin"></form>`,
			tx, r.PostFormValue("individual_id"))
		return
	}
	if r.PostFormValue("individual_id") != personID || r.PostFormValue("pin") != personPIN {
		fmt.Fprintf(w, `<form method="post"><p role="alert">Number or PIN is wrong.</p><input name="individual_id"><input name="pin" type="password"></form>`)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: "sid", Value: "s-" + tx, Path: "/", Secure: true, HttpOnly: true})
	if p.faults.noConsent {
		p.respond(w, r, tx)
		return
	}
	http.Redirect(w, r, "/ui/consent?tx="+tx, http.StatusSeeOther)
}

func (p *provider) consentPage(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, `<!doctype html><title>Consent</title><form method="post" action="/ui/consent?tx=%s">
<input type="checkbox" name="claims" value="name"><input type="checkbox" name="claims" value="birthdate" checked>
<button name="decision" value="deny">No</button><button name="decision" value="allow">Ja</button></form>`, r.URL.Query().Get("tx"))
}

func (p *provider) consent(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || len(r.PostForm["claims"]) != 2 || r.PostFormValue("decision") != "allow" {
		http.Error(w, "not what a willing person sends", http.StatusBadRequest)
		return
	}
	p.respond(w, r, r.URL.Query().Get("tx"))
}

func (p *provider) respond(w http.ResponseWriter, r *http.Request, tx string) {
	code := rand.Text()
	p.mu.Lock()
	request := p.txs[tx]
	p.codes[code] = request
	p.mu.Unlock()
	response := url.Values{"code": {code}, "state": {request.Get("state")}, "iss": {p.issuer()}}
	if p.faults.response != nil {
		p.faults.response(response)
	}
	http.Redirect(w, r, request.Get("redirect_uri")+"?"+response.Encode(), http.StatusSeeOther)
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	if p.faults.tokenLie != "" {
		fmt.Fprint(w, p.faults.tokenLie)
		return
	}
	if r.PostFormValue("grant_type") != "authorization_code" {
		p.otherGrant(w, r)
		return
	}
	p.mu.Lock()
	request, ok := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	p.mu.Unlock()
	verifier := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || base64.RawURLEncoding.EncodeToString(verifier[:]) != request.Get("code_challenge") {
		p.refuse(w, "invalid_grant")
		return
	}
	if !p.authenticated(r) {
		p.refuse(w, "invalid_client")
		return
	}
	if thumbprint, ok := p.prove(w, r, ""); ok {
		p.issue(w, request, thumbprint)
		return
	}
	// A client that had no nonce comes back with one, and the same code.
	p.mu.Lock()
	p.codes[r.PostFormValue("code")] = request
	p.mu.Unlock()
}

func (p *provider) otherGrant(w http.ResponseWriter, r *http.Request) {
	if !p.authenticated(r) {
		p.refuse(w, "invalid_client")
		return
	}
	thumbprint, ok := p.prove(w, r, "")
	switch {
	case !ok:
	case r.PostFormValue("grant_type") == "client_credentials":
		p.issue(w, url.Values{"scope": {r.PostFormValue("scope")}}, thumbprint)
	default:
		p.refreshTokens(w, r, thumbprint)
	}
}

func (p *provider) authenticated(r *http.Request) bool {
	// RFC 6749, section 2.3.1: id and secret are encoded like a form.
	if id, secret, sent := r.BasicAuth(); sent {
		return (id == clientID || id == serviceID) && secret == url.QueryEscape(clientSecret)
	}
	if secret := r.PostFormValue("client_secret"); secret != "" {
		return r.PostFormValue("client_id") == clientID && secret == clientSecret
	}
	if r.PostFormValue("client_assertion") == "" {
		return p.faults.public && r.PostFormValue("client_id") == clientID
	}
	parsed, err := jwt.ParseSigned(r.PostFormValue("client_assertion"), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return false
	}
	var claims jwt.Claims
	if err := parsed.Claims(p.client.Public(), &claims); err != nil {
		return false
	}
	return claims.Validate(jwt.Expected{Issuer: clientID, Subject: clientID, AnyAudience: jwt.Audience{p.issuer()}, Time: p.faults.now()}) == nil
}

func (p *provider) idToken(request url.Values, access string) string {
	sum := sha256.Sum256([]byte(access))
	now := p.faults.now()
	claims := map[string]any{
		"iss": p.issuer(), "aud": clientID, "sub": "person", "nonce": request.Get("nonce"), "iat": now.Unix(),
		"exp": now.Add(5 * time.Minute).Unix(), "at_hash": base64.RawURLEncoding.EncodeToString(sum[:16]),
	}
	if p.faults.claims != nil {
		p.faults.claims(claims)
	}
	key := p.key
	if p.faults.foreign {
		var err error
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			p.t.Error(err)
		}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}, nil)
	if err != nil {
		p.t.Error(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		p.t.Error(err)
	}
	return token
}

func (p *provider) userinfo(w http.ResponseWriter, r *http.Request) {
	if p.bearer(w, r) == nil {
		return
	}
	subject := "person"
	if p.faults.userinfo != "" {
		subject = p.faults.userinfo
	}
	p.json(w, map[string]any{"sub": subject, "name": "Synthetic Person"})
}

func (p *provider) refuse(w http.ResponseWriter, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	if err := json.NewEncoder(w).Encode(map[string]string{"error": code}); err != nil {
		p.t.Error(err)
	}
}

func (p *provider) json(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		p.t.Error(err)
	}
}

// restartWith serves the provider with another certificate and returns the
// pool that trusts its authority.
func (p *provider) restartWith(notBefore, notAfter time.Time, names ...string) *x509.CertPool {
	p.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "identity.a.lab"}, Issuer: pkix.Name{CommonName: "identity.a.lab"},
		NotBefore: notBefore, NotAfter: notAfter, DNSNames: names, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	for _, name := range names {
		if address := net.ParseIP(name); address != nil {
			template.IPAddresses = append(template.IPAddresses, address)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		p.t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		p.t.Fatal(err)
	}
	p.server.Close()
	p.server = httptest.NewUnstartedServer(p.handler())
	p.server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	p.server.StartTLS()
	p.t.Cleanup(p.server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return pool
}
