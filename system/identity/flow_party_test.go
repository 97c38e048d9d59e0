package identity_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
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

// honest reports whether an answer is a success, or a 503 that says when to
// come again.
func honest(answer *document) bool {
	return answer.status == http.StatusOK || answer.status == http.StatusServiceUnavailable && answer.header.Get("Retry-After") != ""
}

// distinct returns how many different texts there are.
func distinct(texts []string) int {
	return len(slices.Compact(slices.Sorted(slices.Values(texts))))
}
