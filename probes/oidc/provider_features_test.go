package oidc_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	clientSecret = "s3cr:t/+"
	serviceID    = "tocsin-service"
	dpopNonce    = "nonce-of-this-provider"
)

// grant is what the provider of the tests knows of one access token.
type grant struct {
	request url.Values
	// thumbprint of the key the token is bound to; empty for a bearer token.
	thumbprint string
	refresh    string
	active     bool
}

// features adds what providers have beyond a login.
func (p *provider) features(mux *http.ServeMux) {
	mux.HandleFunc("POST /par", p.push)
	mux.HandleFunc("POST /introspect", p.introspect)
	mux.HandleFunc("POST /revoke", p.revoke)
	mux.HandleFunc("GET /logout", p.logoutPage)
	mux.HandleFunc("POST /logout", p.logout)
	mux.HandleFunc("POST /userinfo", p.userinfo)
}

func (p *provider) announceFeatures(document map[string]any) {
	document["pushed_authorization_request_endpoint"] = p.issuer() + "/par"
	document["introspection_endpoint"] = p.issuer() + "/introspect"
	document["revocation_endpoint"] = p.issuer() + "/revoke"
	document["end_session_endpoint"] = p.issuer() + "/logout"
	document["scopes_supported"] = []string{"openid", "profile", "offline_access"}
	document["grant_types_supported"] = []string{"authorization_code", "refresh_token", "client_credentials"}
	document["dpop_signing_alg_values_supported"] = []string{"ES256"}
}

func (p *provider) push(w http.ResponseWriter, r *http.Request) {
	if !p.authenticated(r) {
		p.refuse(w, "invalid_client")
		return
	}
	if r.PostFormValue("client_id") != clientID {
		p.refuse(w, "invalid_request")
		return
	}
	name := "urn:ietf:params:oauth:request_uri:" + rand.Text()
	p.mu.Lock()
	p.pushed[name] = r.PostForm
	p.mu.Unlock()
	w.WriteHeader(http.StatusCreated)
	p.json(w, map[string]any{"request_uri": name, "expires_in": 60})
}

// pushedBy replaces the name of a pushed request by the request, once.
func (p *provider) pushedBy(query url.Values) url.Values {
	name := query.Get("request_uri")
	if name == "" {
		return query
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	request := p.pushed[name]
	delete(p.pushed, name)
	if request == nil {
		return query
	}
	request.Set("client_id", query.Get("client_id"))
	return request
}

// prove checks a DPoP proof and returns the thumbprint of its key. Without a
// proof it returns nothing; ok is false when it has answered already.
func (p *provider) prove(w http.ResponseWriter, r *http.Request, token string) (thumbprint string, ok bool) {
	proof := r.Header.Get("DPoP")
	if proof == "" {
		return "", true
	}
	parsed, err := jwt.ParseSigned(proof, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || parsed.Headers[0].JSONWebKey == nil || parsed.Headers[0].ExtraHeaders[jose.HeaderType] != "dpop+jwt" {
		p.refuse(w, "invalid_dpop_proof")
		return "", false
	}
	var claims struct {
		Method, URI, Hash, Nonce string
	}
	var raw map[string]any
	if err := parsed.Claims(parsed.Headers[0].JSONWebKey, &raw); err != nil {
		p.refuse(w, "invalid_dpop_proof")
		return "", false
	}
	claims.Method, _ = raw["htm"].(string)
	claims.URI, _ = raw["htu"].(string)
	claims.Hash, _ = raw["ath"].(string)
	claims.Nonce, _ = raw["nonce"].(string)
	if p.faults.nonce && claims.Nonce != dpopNonce {
		w.Header().Set("DPoP-Nonce", dpopNonce)
		if token != "" {
			w.Header().Set("WWW-Authenticate", `DPoP error="use_dpop_nonce"`)
			w.WriteHeader(http.StatusUnauthorized)
			return "", false
		}
		p.refuse(w, "use_dpop_nonce")
		return "", false
	}
	sum := sha256.Sum256([]byte(token))
	if claims.Method != r.Method || claims.URI != p.issuer()+r.URL.Path || token != "" && claims.Hash != base64.RawURLEncoding.EncodeToString(sum[:]) {
		p.refuse(w, "invalid_dpop_proof")
		return "", false
	}
	made, err := parsed.Headers[0].JSONWebKey.Thumbprint(5)
	if err != nil {
		p.t.Error(err)
	}
	return string(made), true
}

// issue answers with tokens for a request.
func (p *provider) issue(w http.ResponseWriter, request url.Values, thumbprint string) {
	access := rand.Text() + rand.Text()
	made := &grant{request: request, thumbprint: thumbprint, active: true}
	answer := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": p.faults.lifetime}
	if p.faults.lifetime == 0 {
		answer["expires_in"] = 300
	}
	if thumbprint != "" {
		answer["token_type"] = "DPoP"
	}
	scopes := strings.Fields(request.Get("scope"))
	if slices.Contains(scopes, "openid") {
		answer["id_token"] = p.idToken(request, access)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.Contains(scopes, "offline_access") {
		made.refresh = rand.Text()
		p.refreshes[made.refresh] = made
		answer["refresh_token"] = made.refresh
	}
	p.grants[access] = made
	p.json(w, answer)
}

func (p *provider) refreshTokens(w http.ResponseWriter, r *http.Request, thumbprint string) {
	token := r.PostFormValue("refresh_token")
	p.mu.Lock()
	known := p.refreshes[token]
	if !p.faults.reusable {
		delete(p.refreshes, token)
	}
	p.mu.Unlock()
	if known == nil {
		p.refuse(w, "invalid_grant")
		return
	}
	p.issue(w, known.request, thumbprint)
}

// bearer finds the grant of the token that a request carries.
func (p *provider) bearer(w http.ResponseWriter, r *http.Request) *grant {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	p.mu.Lock()
	known := p.grants[token]
	p.mu.Unlock()
	thumbprint, ok := p.prove(w, r, token)
	if !ok {
		return nil
	}
	if known == nil || !known.active || known.thumbprint != thumbprint || (scheme == "DPoP") != (known.thumbprint != "") {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token", error_description="not known here"`)
		w.WriteHeader(http.StatusUnauthorized)
		return nil
	}
	return known
}

func (p *provider) introspect(w http.ResponseWriter, r *http.Request) {
	if !p.authenticated(r) {
		p.refuse(w, "invalid_client")
		return
	}
	p.mu.Lock()
	known := p.grants[r.PostFormValue("token")]
	active := known != nil && known.active
	p.mu.Unlock()
	answer := map[string]any{"active": active}
	if active {
		answer["client_id"], answer["sub"] = clientID, "person"
	}
	p.json(w, answer)
}

func (p *provider) revoke(w http.ResponseWriter, r *http.Request) {
	if !p.authenticated(r) {
		p.refuse(w, "invalid_client")
		return
	}
	token := r.PostFormValue("token")
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.grants[token]; known != nil {
		known.active = false
	}
	delete(p.refreshes, token)
	w.WriteHeader(http.StatusOK)
}

func (p *provider) logoutPage(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, `<title>Log out</title><form method="post" action="/logout?%s"><button name="logout" value="yes">Ja</button></form>`, r.URL.RawQuery)
}

func (p *provider) logout(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: "sid", Path: "/", MaxAge: -1, Secure: true})
	query := r.URL.Query()
	http.Redirect(w, r, query.Get("post_logout_redirect_uri")+"?state="+url.QueryEscape(query.Get("state")), http.StatusSeeOther)
}

// silently answers a request with prompt=none.
func (p *provider) silently(w http.ResponseWriter, r *http.Request, request url.Values) {
	if _, err := r.Cookie("sid"); err != nil {
		answer := url.Values{"error": {"login_required"}, "state": {request.Get("state")}, "iss": {p.issuer()}}
		http.Redirect(w, r, request.Get("redirect_uri")+"?"+answer.Encode(), http.StatusSeeOther)
		return
	}
	tx := rand.Text()
	p.mu.Lock()
	p.txs[tx] = request
	p.mu.Unlock()
	p.respond(w, r, tx)
}
