package identity_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func (p *prepared) nastyToPages() basket {
	b := basket{}
	b.everywhere([]string{
		"GET /ui/login", "POST /ui/login", "GET /ui/consent", "POST /ui/consent", "GET /ui/error", "GET /ui/logout", "POST /ui/logout",
		"GET /ui/wallet", "POST /ui/wallet", "GET /ui/nothing",
	}, true)
	return b
}

func (p *prepared) nastyToProvider(t *testing.T) basket {
	b := basket{}
	b.everywhere(closed(), false)
	b.everywhere(open(), true)
	p.parameters(b)
	p.steps(t, b)
	p.wallet(t, b)
	return b
}

// parameters are those of clients that authenticate, so that each is looked at.
func (p *prepared) parameters(b basket) {
	for endpoint, names := range map[string][]string{
		"POST /authorize": authorizeParameters(),
		"POST /token": {
			"grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "client_id", "client_assertion", "client_assertion_type",
			"pre-authorized_code", "tx_code", "authorization_details", "resource",
		},
		"POST /par":        append(authorizeParameters(), "client_assertion"),
		"POST /introspect": {"token", "token_type_hint"},
		"POST /revoke":     {"token", "token_type_hint"},
	} {
		room := 60 << 10
		if endpoint == "POST /par" || endpoint == "POST /authorize" {
			room = 29 << 10
		}
		for _, name := range names {
			for kind, value := range values(room) {
				body := func() []byte { return []byte(with(p.goodForm(endpoint, name), name, value).Encode()) }
				b.add(name+" of "+kind, endpoint, nasty{open: ignored(endpoint, name), header: http.Header{"Content-Type": {formType}}, body: body})
			}
		}
	}
	for _, name := range authorizeParameters() {
		for kind, value := range values(13 << 10) {
			query := with(p.goodForm("GET /authorize", name), name, value).Encode()
			b.add(name+" of "+kind, "GET /authorize?"+query, nasty{open: ignored("GET /authorize", name)})
		}
	}
}

func authorizeParameters() []string {
	return []string{
		"client_id", "redirect_uri", "scope", "state", "nonce", "claims", "code_challenge", "code_challenge_method", "prompt", "max_age", "acr_values",
		"ui_locales", "login_hint", "id_token_hint", "dpop_jkt", "authorization_details", "request_uri", "request", "issuer_state", "response_mode", "resource",
	}
}

// ignored reports whether a value that makes no sense need not be refused: of a
// token that it does not know a server says no more than that (RFC 7662, 2.2;
// RFC 7009, 2.2), hints are only that, and unknown parameters are passed over.
func ignored(endpoint, name string) bool {
	return name == "token" || name == "token_type_hint" || name == "resource" && endpoint == "POST /token"
}

// goodForm is one that would be taken, but for the parameter named name.
func (p *prepared) goodForm(endpoint, name string) url.Values {
	form := authenticated("token", "x")
	if strings.HasSuffix(endpoint, " /authorize") {
		form = url.Values{}
	}
	switch endpoint {
	case "POST /token":
		grants := map[string]string{
			"refresh_token": "refresh_token", "scope": "client_credentials", "resource": "client_credentials",
			"pre-authorized_code": "urn:ietf:params:oauth:grant-type:pre-authorized_code", "tx_code": "urn:ietf:params:oauth:grant-type:pre-authorized_code",
		}
		form.Set("grant_type", "authorization_code")
		if grant, other := grants[name]; other {
			form.Set("grant_type", grant)
		}
		form.Set("code", p.code)
		form.Set("redirect_uri", shared.callback)
		form.Set("code_verifier", strings.Repeat("a", 43)) // another one: the code is to stay good
		form.Set("refresh_token", "x")
		form.Set("pre-authorized_code", "x")
		if name == "pre-authorized_code" || name == "tx_code" { // wallets redeem it, and name themselves nowhere
			form.Del("client_assertion")
			form.Del("client_assertion_type")
		}
	case "POST /par", "POST /authorize", "GET /authorize":
		parsed, err := url.Parse(p.a.authorizeURL())
		if err != nil {
			p.b.t.Fatal(err)
		}
		maps.Copy(form, parsed.Query())
	}
	return form
}

// steps are those of eSignet's interface, from a page that has begun a login
// and from a portal that may register clients.
func (p *prepared) steps(t *testing.T, b basket) {
	t.Helper()
	page := newESignetPage(t, here())
	page.begin(newParty(t, clientID).ask("openid profile"), acrPIN)
	portal := newParty(t, "registrar")
	tokens := map[string]string{"POST": portal.own("add_oidc_client"), "PUT": portal.own("update_oidc_client")}
	for _, endpoint := range closed() {
		if !strings.Contains(endpoint, "/v1/esignet/") {
			continue
		}
		method, _, _ := strings.Cut(endpoint, " ")
		header := http.Header{
			"X-Xsrf-Token": {page.csrf}, "Cookie": {"XSRF-TOKEN=" + page.csrf}, "Authorization": {"Bearer " + tokens[method]},
			"Oauth-Details-Key": {page.key}, "Oauth-Details-Hash": {page.hash},
		}
		for name, body := range bodies() {
			b.add(name+", well introduced", endpoint, nasty{header: typed(header, body.kind), body: func() []byte { return []byte(body.text) }})
		}
		if strings.HasSuffix(endpoint, "claim-details") {
			continue // has no body, and is well introduced
		}
		for name, value := range values(40 << 10) {
			text := detailsOf(t, page.key, value)
			b.add("details of "+name, endpoint, nasty{header: typed(header, jsonType), body: func() []byte { return text }})
		}
	}
}

func typed(header http.Header, kind string) http.Header {
	header = header.Clone()
	header.Set("Content-Type", kind)
	return header
}

// detailsOf is a request of eSignet's with a piece of text in everything.
func detailsOf(t *testing.T, id, text string) []byte {
	t.Helper()
	request := map[string]any{}
	names := []string{"clientId", "clientName", "relyingPartyId", "logoUri", "individualId", "scope", "nonce", "acrValues", "state"}
	piece := text[:len(text)/(len(names)+4)]
	for _, name := range names {
		request[name] = piece
	}
	request["transactionId"] = id
	request["publicKey"] = map[string]string{"kty": "RSA", "e": "AQAB", "n": piece}
	request["redirectUris"], request["acceptedClaims"] = []string{piece}, []string{piece}
	request["challengeList"] = []map[string]string{{"authFactorType": "PIN", "challenge": piece, "format": "alpha-numeric"}}
	return envelope(t, request)
}

// wallet is what a wallet with a good token may send.
func (p *prepared) wallet(t *testing.T, b basket) {
	t.Helper()
	encrypt, revoker := p.encrypter(t), newParty(t, clientID).own("credential_revocation")
	bombs := map[string][]byte{}
	for name, plain := range map[string]string{
		"white space": strings.Repeat(" ", 64<<20), "brackets": strings.Repeat("[", 64<<20), "a megabyte": `{"a":"` + strings.Repeat("x", 1<<20) + `"}`,
		"just below the limit": `{"proofs":{"jwt":[` + strings.Repeat(`"",`, 80000) + `""]}}`,
	} {
		bombs[name] = []byte(encrypt(plain))
	}
	for _, endpoint := range closed() {
		if !strings.Contains(endpoint, "/vci/") {
			continue
		}
		token := p.walletToken
		if strings.HasSuffix(endpoint, "offers") {
			token = p.access
		}
		if strings.HasSuffix(endpoint, "revoke") {
			token = revoker
		}
		for name, bomb := range bombs {
			header := http.Header{"Content-Type": {jwtType}, "Authorization": {"Bearer " + token}}
			b.add("a bomb of "+name, endpoint, nasty{header: header, body: func() []byte { return bomb }})
		}
		for name, body := range bodies() {
			header := http.Header{"Content-Type": {body.kind}, "Authorization": {"Bearer " + token}}
			b.add(name+", with a token", endpoint, nasty{header: header, body: func() []byte { return []byte(body.text) }})
		}
		for name, value := range values(100 << 10) {
			header := http.Header{"Content-Type": {jsonType}, "Authorization": {"Bearer " + token}}
			text := proofOf(t, endpoint, value)
			b.add("a proof of "+name, endpoint, nasty{header: header, body: func() []byte { return text }})
		}
	}
}

// proofOf is what a wallet tells an endpoint, with text in what is read there.
func proofOf(t *testing.T, endpoint, text string) []byte {
	t.Helper()
	request := map[string]any{"transaction_id": text}
	switch _, path, _ := strings.Cut(endpoint, "/vci/"); path {
	case "credential":
		request = map[string]any{"credential_configuration_id": "national_id_sd_jwt", "proofs": map[string]any{"jwt": []string{text}}}
	case "notification":
		request = map[string]any{"notification_id": text, "event": "credential_accepted"}
	case "offers":
		request = map[string]any{"credential_configuration_ids": []string{text}}
	}
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// encrypter seals and compresses for the issuer.
func (p *prepared) encrypter(t *testing.T) func(plain string) string {
	t.Helper()
	var metadata struct {
		Encryption struct {
			Keys jose.JSONWebKeySet `json:"jwks"`
		} `json:"credential_request_encryption"`
	}
	answer := p.b.get(shared.issuer + "/.well-known/openid-credential-issuer")
	if err := json.Unmarshal([]byte(answer.body), &metadata); err != nil || len(metadata.Encryption.Keys.Keys) == 0 {
		t.Fatalf("%d %s", answer.status, answer.body)
	}
	key := metadata.Encryption.Keys.Keys[0]
	recipient := jose.Recipient{Algorithm: jose.ECDH_ES, Key: key.Key, KeyID: key.KeyID}
	encrypter, err := jose.NewEncrypter(jose.A128GCM, recipient, &jose.EncrypterOptions{Compression: jose.DEFLATE})
	if err != nil {
		t.Fatal(err)
	}
	return func(plain string) string {
		object, err := encrypter.Encrypt([]byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		text, err := object.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
}
