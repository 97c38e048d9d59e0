package conformance

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" // RFC 7523, 2.2

// answerLimit bounds what is read of one answer.
const answerLimit = 4 << 20

// call is one request of the back channel. Its zero value is honest; the
// functions spoil what they are given.
type call struct {
	method  string // POST if there is a form, else GET
	address string
	form    url.Values
	body    []byte // instead of a form
	kind    string // of body; JSON if empty
	header  http.Header

	// token is the access token, sent in the scheme that its kind needs.
	token  string
	scheme string // overrides the scheme

	// client authenticates, nil for none. A party fills it in for form calls.
	client    *Client
	assertion func(header, claims members)
	signer    crypto.Signer // signs the assertion instead of the client's key

	// unbound leaves out the DPoP proof that the party would make.
	unbound bool
	proof   func(header, claims members)
	proofBy crypto.Signer               // signs the proof
	forge   func(proof string) []string // the DPoP header values to send instead
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
	json   members // nil if the body is no JSON object
}

func (a *answer) String() string {
	text := a.body
	if len(text) > 300 {
		text = text[:300]
	}
	return fmt.Sprintf("%d %s", a.status, text)
}

func (a *answer) text(member string) string {
	value, _ := a.json[member].(string)
	return value
}

// refused fails unless the answer is a client error of one of kinds (any if
// none are given).
func (a *answer) refused(kinds ...string) error {
	kind := a.text("error")
	if challenge := a.header.Get("WWW-Authenticate"); kind == "" {
		_, rest, _ := strings.Cut(challenge, `error="`)
		kind, _, _ = strings.Cut(rest, `"`)
	}
	if a.status < 400 || a.status > 499 {
		return fmt.Errorf("want a refusal %v, got %s", kinds, a)
	}
	if len(kinds) > 0 && !slices.Contains(kinds, kind) {
		return fmt.Errorf("refused with %q, want one of %v: %s", kind, kinds, a)
	}
	return nil
}

// accepted fails unless the answer has status.
func (a *answer) accepted(status int) error {
	if a.status != status {
		return fmt.Errorf("want status %d, got %s", status, a)
	}
	return nil
}

// do makes the call, again with the provider's nonce if it asks for one
// (RFC 9449, 8 and 9).
func (p *party) do(ctx context.Context, c call) (*answer, error) {
	got, err := p.once(ctx, c)
	if err != nil {
		return nil, err
	}
	nonce := got.header.Get("DPoP-Nonce")
	if nonce == "" {
		return got, nil
	}
	p.nonce = nonce
	if got.refused("use_dpop_nonce") == nil {
		return p.once(ctx, c)
	}
	return got, nil
}

func (p *party) once(ctx context.Context, c call) (*answer, error) {
	if c.method == "" && c.form == nil && c.body == nil {
		c.method = http.MethodGet
	}
	if c.method == "" {
		c.method = http.MethodPost
	}
	body, kind, err := p.content(c)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, c.method, c.address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", c.address, err)
	}
	for name, values := range c.header {
		request.Header[name] = values
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	if err := p.bind(request, c); err != nil {
		return nil, err
	}
	return p.send(request)
}

func (p *party) send(request *http.Request) (sent *answer, err error) {
	response, err := p.back.Do(request)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", request.URL.Redacted(), err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	text, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return nil, fmt.Errorf("read answer of %s: %w", request.URL.Redacted(), err)
	}
	got := &answer{status: response.StatusCode, header: response.Header, body: text}
	if json.Unmarshal(text, &got.json) != nil {
		got.json = nil
	}
	return got, nil
}

// content returns the body and its type.
func (p *party) content(c call) (body []byte, kind string, err error) {
	if c.body != nil && c.kind == "" {
		c.kind = "application/json"
	}
	if c.body != nil {
		return c.body, c.kind, nil
	}
	if c.form == nil {
		return nil, "", nil
	}
	form := url.Values{}
	for name, values := range c.form {
		form[name] = values
	}
	if c.client != nil && !c.client.Public {
		text, err := p.assert(c)
		if err != nil {
			return nil, "", err
		}
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", text)
	}
	return []byte(form.Encode()), "application/x-www-form-urlencoded", nil
}

// assert returns a client assertion (RFC 7523, 3). FAPI 2.0, 5.3.3.1 wants the
// issuer as its only audience.
func (p *party) assert(c call) (string, error) {
	now := time.Now()
	header := members{"alg": "ES256", "kid": c.client.KeyID}
	claims := members{
		"iss": c.client.ID, "sub": c.client.ID, "aud": p.target.Issuer, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}
	if c.assertion != nil {
		c.assertion(header, claims)
	}
	signer := c.signer
	if signer == nil {
		signer = c.client.Key
	}
	return compact(header, claims, signer)
}

// bind adds the access token and the DPoP proof.
func (p *party) bind(request *http.Request, c call) error {
	bound := p.key != nil && !c.unbound
	scheme := c.scheme
	if scheme == "" && bound {
		scheme = "DPoP"
	}
	if scheme == "" {
		scheme = "Bearer"
	}
	if c.token != "" {
		request.Header.Set("Authorization", scheme+" "+c.token)
	}
	if !bound {
		return nil
	}
	proof, err := p.prove(request, c)
	if err != nil {
		return err
	}
	request.Header["Dpop"] = []string{proof}
	if c.forge != nil {
		request.Header["Dpop"] = c.forge(proof)
	}
	return nil
}

// prove returns a DPoP proof (RFC 9449, 4.2).
func (p *party) prove(request *http.Request, c call) (string, error) {
	jwk, err := publicJWK(p.key)
	if err != nil {
		return "", err
	}
	target := *request.URL
	target.RawQuery = ""
	header := members{"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}
	claims := members{"jti": rand.Text(), "htm": request.Method, "htu": target.String(), "iat": time.Now().Add(p.skew).Unix()}
	if p.nonce != "" {
		claims["nonce"] = p.nonce
	}
	if c.token != "" {
		hash := sha256.Sum256([]byte(c.token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(hash[:])
	}
	if c.proof != nil {
		c.proof(header, claims)
	}
	signer := c.proofBy
	if signer == nil {
		signer = p.key
	}
	return compact(header, claims, signer)
}
