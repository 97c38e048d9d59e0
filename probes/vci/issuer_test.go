package vci_test

import (
	"bytes"
	"compress/zlib"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
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

	"tocsin/internal/target"
	"tocsin/probes/journey"
	"tocsin/probes/oidc"
	"tocsin/probes/vci"
)

const (
	clientID        = "wallet"
	configurationID = "id_card"
	cardType        = "urn:example:card"
	transactionCode = "493536"
)

// issuer is a credential issuer in one file, for tests, with its own
// authorization server for pre-authorized codes. Its zero faults make a right
// one; each field of faults breaks one promise.
type issuer struct {
	t      *testing.T
	server *httptest.Server
	key    *ecdsa.PrivateKey
	faults faults

	mu       sync.Mutex
	codes    map[string]bool // true once redeemed
	tokens   map[string]bool
	nonces   map[string]time.Time
	notified int
}

type faults struct {
	// accept names the checks that are left out.
	accept map[string]bool
	// claims changes the credential before it is signed, text after.
	claims func(map[string]any)
	text   func(string) string
	// list changes the claims of the status list, bits its entries.
	list     func(map[string]any)
	bits     []byte
	listType string
	foreign  string // what is signed with a foreign key: credential, list, metadata
	metadata func(map[string]any)
	offer    func(map[string]any)
	keys     func(map[string]any)
	refusal  string // error that every refusal carries
	status   map[string]int
	cached   bool // nonces may be stored
	deferred int  // how often the credential is put off
	moved    string
}

func newIssuer(t *testing.T, f faults) *issuer {
	t.Helper()
	i := &issuer{t: t, key: newKey(t), faults: f, codes: map[string]bool{}, tokens: map[string]bool{}, nonces: map[string]time.Time{}}
	i.server = httptest.NewTLSServer(i.handler())
	t.Cleanup(i.server.Close)
	return i
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (i *issuer) config(change func(*target.Credential)) vci.Config {
	i.t.Helper()
	folder := i.t.TempDir()
	secret := filepath.Join(folder, "secret")
	if err := os.WriteFile(secret, []byte("s3cret\n"), 0o600); err != nil {
		i.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(i.server.Certificate())
	want := target.Credential{
		Issuer: i.server.URL, ConfigurationID: configurationID, Format: target.FormatSDJWT, Grant: target.GrantPreAuthorizedCode,
		Offer: target.Offer{URL: i.server.URL + "/offers", Scope: "offer", Body: "{}"},
	}
	if change != nil {
		change(&want)
	}
	return vci.Config{Credential: want, Login: oidc.Config{
		Config: journey.Config{Target: "test", Roots: pool, ExchangeTimeout: 2 * time.Second, ClockSynchronised: func() bool { return true }},
		Issuer: i.server.URL,
		Client: target.Client{ID: clientID, Auth: target.AuthClientSecretBasic, SecretFile: secret},
	}}
}

func (i *issuer) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /.well-known/openid-credential-issuer", i.metadata)
	mux.HandleFunc("GET /.well-known/jwt-vc-issuer", i.keys)
	mux.HandleFunc("POST /offers", i.offers)
	mux.HandleFunc("GET /offers/{code}", func(w http.ResponseWriter, r *http.Request) { i.json(w, 200, i.offer(r.PathValue("code"))) })
	mux.HandleFunc("POST /token", i.token)
	mux.HandleFunc("POST /nonce", i.nonce)
	mux.HandleFunc("POST /credential", i.credential)
	mux.HandleFunc("POST /deferred", i.later)
	mux.HandleFunc("POST /notification", i.notification)
	mux.HandleFunc("GET /status/1", i.list)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := i.faults.status[r.URL.Path]; status > 0 {
			http.Error(w, "broken", status)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (i *issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	i.json(w, 200, map[string]any{
		"issuer": i.server.URL, "authorization_endpoint": i.server.URL + "/authorize",
		"token_endpoint": i.server.URL + "/token", "jwks_uri": i.server.URL + "/jwks.json",
	})
}

func (i *issuer) metadata(w http.ResponseWriter, r *http.Request) {
	document := map[string]any{
		"credential_issuer": i.server.URL, "credential_endpoint": i.server.URL + "/credential",
		"nonce_endpoint": i.server.URL + "/nonce", "notification_endpoint": i.server.URL + "/notification",
		"deferred_credential_endpoint": i.server.URL + "/deferred",
		"credential_configurations_supported": map[string]any{configurationID: map[string]any{
			"format": "dc+sd-jwt", "vct": cardType, "scope": "card",
			"proof_types_supported": map[string]any{"jwt": map[string]any{"proof_signing_alg_values_supported": []string{"ES256"}}},
			"credential_metadata":   map[string]any{"claims": []any{map[string]any{"path": []string{"given_name"}, "mandatory": true}}},
		}},
	}
	if i.faults.metadata != nil {
		i.faults.metadata(document)
	}
	if r.Header.Get("Accept") != "application/jwt" {
		i.json(w, 200, document)
		return
	}
	document["sub"], document["iat"] = i.server.URL, time.Now().Unix()
	w.Header().Set("Content-Type", "application/jwt")
	w.Write([]byte(i.sign("metadata", "openidvci-issuer-metadata+jwt", document)))
}

func (i *issuer) keys(w http.ResponseWriter, _ *http.Request) {
	document := map[string]any{"issuer": i.server.URL, "jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: i.key.Public(), KeyID: "i1"}}}}
	if i.faults.keys != nil {
		i.faults.keys(document)
	}
	i.json(w, 200, document)
}

func (i *issuer) offers(w http.ResponseWriter, r *http.Request) {
	if !i.authorized(r) {
		i.refuse(w, 401, "invalid_token")
		return
	}
	code := rand.Text()
	i.mu.Lock()
	i.codes[code] = false
	i.mu.Unlock()
	value, err := json.Marshal(i.offer(code))
	if err != nil {
		i.t.Error(err)
	}
	i.json(w, 201, map[string]any{
		"by_value":     "openid-credential-offer://?" + url.Values{"credential_offer": {string(value)}}.Encode(),
		"by_reference": "openid-credential-offer://?" + url.Values{"credential_offer_uri": {i.server.URL + "/offers/" + code}}.Encode(),
		"tx_code":      transactionCode,
	})
}

func (i *issuer) offer(code string) map[string]any {
	document := map[string]any{
		"credential_issuer": i.server.URL, "credential_configuration_ids": []string{configurationID},
		"grants": map[string]any{"urn:ietf:params:oauth:grant-type:pre-authorized_code": map[string]any{
			"pre-authorized_code": code, "tx_code": map[string]any{"length": 6},
		}},
	}
	if i.faults.offer != nil {
		i.faults.offer(document)
	}
	return document
}

func (i *issuer) token(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		i.t.Error(err)
	}
	if r.Form.Get("grant_type") == "client_credentials" {
		i.issueToken(w, "service")
		return
	}
	i.mu.Lock()
	code := r.Form.Get("pre-authorized_code")
	redeemed, known := i.codes[code]
	i.mu.Unlock()
	switch {
	case !known || redeemed && !i.faults.accept["code-replayed"]:
		i.refuse(w, 400, "invalid_grant")
	case !r.Form.Has("tx_code") && !i.faults.accept["tx-code-missing"]:
		i.refuse(w, 400, "invalid_request")
	case r.Form.Has("tx_code") && r.Form.Get("tx_code") != transactionCode && !i.faults.accept["tx-code-wrong"]:
		i.refuse(w, 400, "invalid_grant")
	default:
		i.mu.Lock()
		i.codes[code] = true
		i.mu.Unlock()
		i.issueToken(w, "person")
	}
}

func (i *issuer) issueToken(w http.ResponseWriter, kind string) {
	token := kind + "." + rand.Text()
	i.mu.Lock()
	i.tokens[token] = true
	i.mu.Unlock()
	i.json(w, 200, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 60})
}

func (i *issuer) authorized(r *http.Request) bool {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	i.mu.Lock()
	defer i.mu.Unlock()
	return bearer && i.tokens[token]
}

func (i *issuer) nonce(w http.ResponseWriter, _ *http.Request) {
	nonce := rand.Text()
	i.mu.Lock()
	i.nonces[nonce] = time.Now()
	i.mu.Unlock()
	if !i.faults.cached {
		w.Header().Set("Cache-Control", "no-store")
	}
	i.json(w, 200, map[string]any{"c_nonce": nonce})
}

func (i *issuer) credential(w http.ResponseWriter, r *http.Request) {
	if !i.mayAsk(r) {
		i.refuse(w, 401, "invalid_token")
		return
	}
	var request struct {
		Identifier    string              `json:"credential_identifier"`
		Configuration string              `json:"credential_configuration_id"`
		Proofs        map[string][]string `json:"proofs"`
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		i.t.Error(err)
	}
	switch {
	case request.Identifier != "" && !i.faults.accept["identifier-unknown"]:
		i.refuse(w, 400, "unknown_credential_identifier")
	case request.Identifier == "" && request.Configuration != configurationID && !i.faults.accept["configuration-unknown"]:
		i.refuse(w, 400, "unknown_credential_configuration")
	case len(request.Proofs["jwt"]) == 0 && !i.faults.accept["proof-missing"]:
		i.refuse(w, 400, "invalid_proof")
	default:
		var proof string
		if len(request.Proofs["jwt"]) > 0 {
			proof = request.Proofs["jwt"][0]
		}
		i.prove(w, proof)
	}
}

// mayAsk is the check of the access token.
func (i *issuer) mayAsk(r *http.Request) bool {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case token == "" && r.URL.Query().Has("access_token"):
		return i.faults.accept["token-in-query"]
	case token == "":
		return i.faults.accept["token-missing"]
	case strings.HasPrefix(token, "service."):
		return i.faults.accept["token-of-another-scope"]
	case !strings.Contains(token, "."):
		return i.faults.accept["token-foreign"]
	}
	return i.authorized(r) || i.faults.accept["token-tampered"]
}

// prove checks the proof in the order of the standard, without those checks
// that the faults leave out.
func (i *issuer) prove(w http.ResponseWriter, text string) {
	var header, claims map[string]any
	parts := strings.Split(text, ".")
	if len(parts) == 3 {
		decode(i.t, parts[0], &header)
		decode(i.t, parts[1], &claims)
	}
	wrong := i.wrong(text, header, claims)
	if wrong != "" && !i.faults.accept[wrong] {
		code := "invalid_proof"
		if strings.HasPrefix(wrong, "nonce-") && wrong != "nonce-missing" {
			code = "invalid_nonce"
		}
		i.refuse(w, 400, code)
		return
	}
	i.issue(w, header["jwk"])
}

func (i *issuer) wrong(text string, header, claims map[string]any) string {
	jwk, _ := header["jwk"].(map[string]any)
	nonce, _ := claims["nonce"].(string)
	i.mu.Lock()
	known, there := i.nonces[nonce]
	if there {
		i.nonces[nonce] = time.Time{}
	}
	i.mu.Unlock()
	switch {
	case text == "":
		return "proof-missing"
	case claims["aud"] != i.server.URL:
		return "proof-wrong-aud"
	case header["typ"] != "openid4vci-proof+jwt":
		return "proof-wrong-typ"
	case claims["iss"] != clientID:
		return "proof-wrong-iss"
	case claims["iat"] == nil:
		return "proof-without-iat"
	case header["alg"] == "none":
		return "proof-alg-none"
	case header["alg"] == "HS256":
		return "proof-hmac"
	case jwk["d"] != nil:
		return "proof-private-key"
	case nonce == "":
		return "nonce-missing"
	case !there:
		return "nonce-wrong"
	case known.IsZero():
		return "nonce-replayed"
	}
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return "proof-tampered-signature"
	}
	if _, err := signed.Verify(signed.Signatures[0].Protected.JSONWebKey); err != nil {
		return "proof-tampered-signature" // and a foreign key, which looks the same
	}
	return ""
}

func (i *issuer) issue(w http.ResponseWriter, jwk any) {
	i.mu.Lock()
	later := i.faults.deferred > 0
	i.mu.Unlock()
	if later {
		i.json(w, 202, map[string]any{"transaction_id": "t1", "interval": 1})
		return
	}
	i.json(w, 200, map[string]any{
		"credentials": []any{map[string]any{"credential": i.make(jwk)}}, "notification_id": "n1",
	})
}

func (i *issuer) later(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	i.faults.deferred--
	i.mu.Unlock()
	i.json(w, 202, map[string]any{"transaction_id": i.faults.moved + "t1", "interval": 1})
}

func (i *issuer) make(jwk any) string {
	disclosure := base64.RawURLEncoding.EncodeToString([]byte(`["salt","given_name","Ada"]`))
	sum := sha256.Sum256([]byte(disclosure))
	claims := map[string]any{
		"iss": i.server.URL, "vct": cardType, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		"cnf": map[string]any{"jwk": jwk}, "_sd": []string{base64.RawURLEncoding.EncodeToString(sum[:])},
		"status": map[string]any{"status_list": map[string]any{"idx": 5, "uri": i.server.URL + "/status/1"}},
	}
	if i.faults.claims != nil {
		i.faults.claims(claims)
	}
	text := i.sign("credential", "dc+sd-jwt", claims) + "~" + disclosure + "~"
	if i.faults.text != nil {
		text = i.faults.text(text)
	}
	return text
}

func (i *issuer) list(w http.ResponseWriter, _ *http.Request) {
	bits := i.faults.bits
	if bits == nil {
		bits = []byte{0, 0xff}
	}
	var packed bytes.Buffer
	writer := zlib.NewWriter(&packed)
	if _, err := writer.Write(bits); err != nil {
		i.t.Error(err)
	}
	if err := writer.Close(); err != nil {
		i.t.Error(err)
	}
	claims := map[string]any{
		"sub": i.server.URL + "/status/1", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(), "ttl": 60,
		"status_list": map[string]any{"bits": 1, "lst": base64.RawURLEncoding.EncodeToString(packed.Bytes())},
	}
	if i.faults.list != nil {
		i.faults.list(claims)
	}
	typ := "statuslist+jwt"
	if i.faults.listType != "" {
		typ = i.faults.listType
	}
	w.Header().Set("Content-Type", "application/statuslist+jwt")
	w.Write([]byte(i.sign("list", typ, claims)))
}

func (i *issuer) notification(w http.ResponseWriter, r *http.Request) {
	if !i.authorized(r) {
		i.refuse(w, 401, "invalid_token")
		return
	}
	i.mu.Lock()
	i.notified++
	i.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (i *issuer) sign(what, typ string, claims map[string]any) string {
	key := i.key
	if i.faults.foreign == what {
		key = newKey(i.t)
	}
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", "i1")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	if err != nil {
		i.t.Error(err)
		return ""
	}
	text, err := json.Marshal(claims)
	if err != nil {
		i.t.Error(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		i.t.Error(err)
		return ""
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		i.t.Error(err)
	}
	return compact
}

func (i *issuer) refuse(w http.ResponseWriter, status int, code string) {
	if i.faults.refusal != "" {
		code = i.faults.refusal
	}
	i.json(w, status, map[string]any{"error": code})
}

func (i *issuer) json(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(value); err != nil {
		i.t.Error(err)
	}
}

func decode(t *testing.T, part string, into any) {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Error(err)
		return
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Error(err)
	}
}
