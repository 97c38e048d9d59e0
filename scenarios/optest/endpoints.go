package optest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	if !p.authenticated(r.FormValue("client_assertion")) {
		refuse(w, "invalid_client")
		return
	}
	if r.FormValue("grant_type") == "client_credentials" {
		respond(w, http.StatusOK, map[string]any{"access_token": "client-token", "expires_in": 300})
		return
	}
	issued, ok := p.codes[r.FormValue("code")]
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !ok || issued.redeemed && !p.doubles || base64.RawURLEncoding.EncodeToString(sum[:]) != issued.challenge {
		refuse(w, "invalid_grant")
		return
	}
	issued.redeemed = true
	claims, err := json.Marshal(map[string]any{"iss": p.URL, "nonce": issued.nonce, "sub": "someone"})
	if err != nil {
		panic(err)
	}
	respond(w, http.StatusOK, map[string]any{
		"access_token": "token-" + issued.grant, "grant_id": issued.grant,
		"id_token": "e30." + base64.RawURLEncoding.EncodeToString(claims) + ".e30",
	})
}

// authenticated verifies the signature and that the jti is new, as a provider
// must (RFC 7523 section 3).
func (p *Provider) authenticated(assertion string) bool {
	parsed, err := jose.ParseSignedCompact(assertion, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return false
	}
	payload, err := parsed.Verify(&p.key.PublicKey)
	if err != nil {
		return false
	}
	var claims struct {
		Issuer   string `json:"iss"`
		Audience string `json:"aud"`
		JTI      string `json:"jti"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Issuer != ClientID || claims.Audience != p.URL || p.jtis[claims.JTI] {
		return false
	}
	p.jtis[claims.JTI] = true
	return true
}

func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer token-") {
		http.Error(w, "no token", http.StatusUnauthorized)
		return
	}
	respond(w, http.StatusOK, map[string]string{"sub": "someone"})
}

func (p *Provider) grant(w http.ResponseWriter, r *http.Request) {
	id, ok := strings.CutPrefix(r.URL.Path, "/grants/")
	if !ok || !p.grants[id] {
		http.NotFound(w, r)
		return
	}
	if r.Header.Get("Authorization") != "Bearer client-token" {
		http.Error(w, "no token", http.StatusUnauthorized)
		return
	}
	respond(w, http.StatusOK, map[string]string{"scopes": "openid"})
}
