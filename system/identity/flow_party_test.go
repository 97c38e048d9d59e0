package identity_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"
)

// party is a client as it acts: it authenticates unless it is public, and
// proves its key with every request when it has one.
type party struct {
	*browser
	id     string
	public bool
	// key binds its tokens (RFC 9449); nil for bearer tokens.
	key *ecdsa.PrivateKey
	// nonce goes into its proofs.
	nonce string
}

func newParty(t testing.TB, id string) *party {
	t.Helper()
	return &party{browser: newBrowser(t), id: id, public: id == "wallet"}
}

// proving is a party whose tokens are bound to a new key.
func proving(t testing.TB, id string) *party {
	t.Helper()
	p := newParty(t, id)
	p.key = newKey(t)
	return p
}

// anonymous is a wallet that does not name itself.
func anonymous(t testing.TB) *party {
	t.Helper()
	p := proving(t, "")
	p.public = true
	return p
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// here and there are the gateways of the two zones.
func here() string  { return shared.zones[0].gateway }
func there() string { return shared.zones[1].gateway }

func gateways() []string { return []string{here(), there()} }

// form is a request of the client's that authenticates it.
func (p *party) form(pairs ...string) url.Values {
	form := with(url.Values{}, "client_id", p.id)
	if !p.public {
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion(p.id, nil))
	}
	return with(form, pairs...)
}

// with sets pairs of names and values; an empty value takes the name away.
func with(values url.Values, pairs ...string) url.Values {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			values.Del(pairs[i])
			continue
		}
		values.Set(pairs[i], pairs[i+1])
	}
	return values
}

// proof is one for a request to path with access, "" at the token endpoint.
func (p *party) proof(method, path, access string) string {
	p.t.Helper()
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": shared.issuer + path, "iat": time.Now().Unix()}
	if access != "" {
		hash := sha256.Sum256([]byte(access))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(hash[:])
	}
	if p.nonce != "" {
		claims["nonce"] = p.nonce
	}
	options := (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: p.key}, options)
	if err != nil {
		p.t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		p.t.Fatal(err)
	}
	return text
}

// thumbprint is that of the key (RFC 7638).
func (p *party) thumbprint() string {
	p.t.Helper()
	hash, err := (&jose.JSONWebKey{Key: p.key.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		p.t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(hash)
}

// send posts a form, with a new proof if the party has a key.
func (p *party) send(gateway, path string, form url.Values) *document {
	p.t.Helper()
	proof := ""
	if p.key != nil {
		proof = p.proof(http.MethodPost, path, "")
	}
	return p.sendProof(gateway, path, form, proof)
}

func (p *party) sendProof(gateway, path string, form url.Values, proof string) *document {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, gateway+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if proof != "" {
		request.Header.Set("DPoP", proof)
	}
	return p.do(request)
}

// fetch asks a resource with an access token; a body is JSON.
func (p *party) fetch(method, gateway, path, access, body string) *document {
	p.t.Helper()
	if p.key == nil {
		return p.authorized(method, gateway+path, access, body)
	}
	return p.fetchProof(method, gateway, path, access, body, p.proof(method, path, access))
}

func (p *party) fetchProof(method, gateway, path, access, body, proof string) *document {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), method, gateway+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "DPoP "+access)
	request.Header.Set("DPoP", proof)
	return p.do(request)
}

// tokens is an answer of the token endpoint, good or bad.
type tokens struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Scope   string `json:"scope"`
	Error   string `json:"error"`
	Details []struct {
		Configuration string   `json:"credential_configuration_id"`
		Identifiers   []string `json:"credential_identifiers"`
	} `json:"authorization_details"`

	answer *document
}

func (p *party) token(gateway string, pairs ...string) *tokens {
	p.t.Helper()
	return tokensIn(p.t, p.send(gateway, "/token", p.form(pairs...)))
}

func tokensIn(t testing.TB, answer *document) *tokens {
	t.Helper()
	read := &tokens{answer: answer}
	decode(t, answer, read)
	return read
}

// decode reads a JSON answer.
func decode(t testing.TB, answer *document, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(answer.body), into); err != nil {
		t.Fatalf("%d %.300q is not JSON: %v", answer.status, answer.body, err)
	}
}

func (p *party) refresh(gateway, token string) *tokens {
	p.t.Helper()
	return p.token(gateway, "grant_type", "refresh_token", "refresh_token", token)
}

// own returns an access token of the client itself.
func (p *party) own(scope string) string {
	p.t.Helper()
	got := p.token(here(), "grant_type", "client_credentials", "scope", scope)
	if got.Access == "" {
		p.t.Fatalf("client credentials for %s: %d %s", scope, got.answer.status, got.answer.body)
	}
	return got.Access
}

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
	return p.ask(scope, pairs...).obtain(newBrowser(p.t), individualID)
}

func (a *ask) obtain(b *browser, individualID string) *tokens {
	a.t.Helper()
	return a.redeemed(here(), a.code(b.logIn(b.get(a.at(here())), individualID)))
}

// claims reads a token without verifying it.
func claims(t testing.TB, token string) map[string]any {
	t.Helper()
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256, jose.PS256, jose.RS256})
	if err != nil {
		t.Fatalf("%q: %v", token, err)
	}
	read := map[string]any{}
	if err := parsed.UnsafeClaimsWithoutVerification(&read); err != nil {
		t.Fatal(err)
	}
	return read
}

// active introspects a token in a zone.
func (p *party) active(gateway, token string) bool {
	p.t.Helper()
	var answer struct {
		Active bool `json:"active"`
	}
	got := p.send(gateway, "/introspect", p.form("token", token))
	if decode(p.t, got, &answer); got.status != http.StatusOK {
		p.t.Fatalf("introspect: %d %s", got.status, got.body)
	}
	return answer.Active
}

// lives reports what is left of access and refresh tokens in both zones.
func (p *party) lives(tokens ...string) (alive []string) {
	p.t.Helper()
	for _, gateway := range gateways() {
		for i, token := range tokens {
			if p.active(gateway, token) {
				alive = append(alive, fmt.Sprintf("token %d at introspection of %s", i, gateway))
			}
			if !strings.Contains(token, ".") {
				continue
			}
			if answer := p.fetch(http.MethodGet, gateway, "/userinfo", token, ""); answer.status != http.StatusUnauthorized {
				alive = append(alive, fmt.Sprintf("token %d at userinfo of %s (%d)", i, gateway, answer.status))
			}
		}
	}
	return alive
}

// mustDie fails the test unless tokens are dead in both zones within a second.
func (p *party) mustDie(tokens ...string) {
	p.t.Helper()
	dead := func() error {
		if alive := p.lives(tokens...); len(alive) > 0 {
			return fmt.Errorf("alive: %s", strings.Join(alive, ", "))
		}
		return nil
	}
	if err := await(p.t.Context(), time.Second, dead); err != nil {
		p.t.Error(err)
	}
}

// mustLive fails the test unless access tokens are good in both zones.
func (p *party) mustLive(tokens ...string) {
	p.t.Helper()
	for _, gateway := range gateways() {
		for i, token := range tokens {
			answer := p.fetch(http.MethodGet, gateway, "/userinfo", token, "")
			if answer.status != http.StatusOK || !p.active(gateway, token) {
				p.t.Errorf("token %d at %s: userinfo %d %s", i, gateway, answer.status, answer.body)
			}
		}
	}
}

// honest reports whether an answer is a success, or a 503 that says when to
// come again.
func honest(answer *document) bool {
	return answer.status == http.StatusOK || answer.status == http.StatusServiceUnavailable && answer.header.Get("Retry-After") != ""
}

// distinct returns how many different texts there are.
func distinct(texts []string) int {
	return len(slices.Compact(slices.Sorted(slices.Values(texts))))
}
