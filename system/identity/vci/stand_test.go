package vci_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"

	"tocsin/system/identity/bearer"
	"tocsin/system/identity/code"
	"tocsin/system/identity/compact"
	"tocsin/system/identity/jws"
	"tocsin/system/identity/secret"
	"tocsin/system/identity/token"
	"tocsin/system/identity/token/tokentest"
	"tocsin/system/identity/vci"
	"tocsin/system/identity/vci/issue"
	"tocsin/system/identity/vci/offer"
	"tocsin/system/identity/vci/record/memory"
	"tocsin/system/identity/vci/revocation"
	"tocsin/system/identity/vci/vcitest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const issuer = tokentest.Issuer

// stand is a provider with its credential issuer, all of it real but the
// stores, the HSM and the authenticator.
type stand struct {
	*tokentest.Provider
	t       testing.TB
	vci     *vci.Provider
	key     *vcitest.Key
	records *memory.Store
	// wallets and their provider, whose attestations are believed.
	wallet    *vcitest.Wallet
	attester  *vcitest.Wallet
	attesters []byte
	handler   http.Handler
}

func newStand(t testing.TB) *stand {
	t.Helper()
	s := &stand{
		Provider: tokentest.NewProvider(t, jws.ErrInvalid), t: t, key: vcitest.NewKey(t), records: memory.New(0),
		wallet: vcitest.NewWallet(t), attester: vcitest.NewWallet(t),
	}
	s.People.Claimed = map[string]any{
		"given_name": "Ada", "family_name": "Example", "birthdate": "1985-12-10", "portrait": "/9j/",
		"address": map[string]any{"country": "GB"},
	}
	s.Plain.Scopes = append(s.Plain.Scopes, offer.Scope, revocation.Scope)
	attesters, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.attester.JWK()}})
	if err != nil {
		t.Fatal(err)
	}
	s.attesters = attesters
	s.serve(s.Secrets)
	return s
}

// serve starts the credential issuer, as after a restart with secrets.
func (s *stand) serve(secrets *secret.Keys) {
	s.t.Helper()
	guard := &bearer.Guard{
		Verifier: s.Keys, Proofs: s.Proofs, Ledger: s.Ledger, Revocations: s.Quorum, Issuer: issuer, Now: s.Now,
	}
	var err error
	s.vci, err = vci.New(vci.Config{
		Issuer: issuer, Names: map[string]string{"en": "Example", "nb": "Eksempel", "ar": "مثال"},
		AttestationKeys: s.attesters, StatusFolder: s.t.TempDir(),
	}, vci.Parts{
		Secrets: secrets, Guard: guard, Persons: s.Persons, People: s.People, Records: s.records,
		Signer: s.key, Keys: s.key, Now: s.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Endpoint.Grants[offer.PreAuthorizedCode] = s.vci.Grant(s.Issuer, s.Ledger, s.Quorum, 5*time.Minute)
	mux := http.NewServeMux()
	if err := s.vci.Register(mux); err != nil {
		s.t.Fatal(err)
	}
	s.handler = mux
	if err := s.vci.Lists.Renew(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// access is an access token with the key that it is bound to, if it is.
type access struct {
	text string
	key  *tokentest.Key
}

// identified is a token for configurations by authorization_details.
func (s *stand) identified(party *tokentest.Party, configurations ...string) access {
	s.t.Helper()
	return s.authorized(party, func(c *code.Code) { c.Configurations, c.Scopes = configurations, nil })
}

// scoped is a token for configurations by scope.
func (s *stand) scoped(party *tokentest.Party, scopes ...string) access {
	s.t.Helper()
	return s.authorized(party, func(c *code.Code) { c.Scopes = scopes })
}

func (s *stand) authorized(party *tokentest.Party, change func(*code.Code)) access {
	s.t.Helper()
	var key *tokentest.Key
	if party.IsPublic() || party.RequireDPoP {
		key = tokentest.NewKey(s.t, "ES256")
	}
	return access{text: s.Issue(s.t, party, key, change).AccessToken, key: key}
}

// service is a token of a client's own.
func (s *stand) service(scope string) access {
	s.t.Helper()
	form := s.Plain.Form(s.t, s.Clock, "grant_type", "client_credentials", "scope", scope)
	return access{text: tokentest.Decode[token.Response](s.t, s.Token(s.t, form, nil), http.StatusOK).AccessToken}
}

// send makes a request with a token; body is JSON, or text as it is.
func (s *stand) send(method, path string, with access, body any) *httptest.ResponseRecorder {
	s.t.Helper()
	kind := "application/json"
	text, isText := body.(string)
	if isText {
		kind = "application/jwt"
	} else {
		text = tokentest.JSON(s.t, body)
	}
	r := httptest.NewRequestWithContext(s.t.Context(), method, issuer+path, strings.NewReader(text))
	r.Header.Set("Content-Type", kind)
	if with.text != "" {
		r.Header.Set("Authorization", "Bearer "+with.text)
	}
	if with.key != nil {
		ath := compact.HashText(sha256.Sum256([]byte(with.text)))
		r.Header.Set("Authorization", "DPoP "+with.text)
		r.Header.Set("DPoP", with.key.Proof(s.t, s.Clock, method, issuer+path, nil, tokentest.Members{"ath": ath}))
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

func (s *stand) get(path string, headers ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), http.MethodGet, issuer+path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

// nonce asks for one as a wallet does.
func (s *stand) nonce() string {
	s.t.Helper()
	w := s.send(http.MethodPost, "/vci/nonce", access{}, struct{}{})
	if w.Header().Get("Cache-Control") != "no-store" {
		s.t.Errorf("a nonce may be cached: %q", w.Header().Get("Cache-Control"))
	}
	return tokentest.Decode[struct {
		Nonce string `json:"c_nonce"`
	}](s.t, w, http.StatusOK).Nonce
}

// prove returns the proofs parameter of wallets.
func (s *stand) prove(wallets ...*vcitest.Wallet) map[string]any {
	s.t.Helper()
	nonce := s.nonce()
	var proofs []string
	for _, wallet := range wallets {
		proofs = append(proofs, wallet.Prove(s.t, issuer, nonce, s.Clock.Unix(), vcitest.Proof{}))
	}
	return map[string]any{"jwt": proofs}
}

// ask makes a credential request.
func (s *stand) ask(with access, request map[string]any) *httptest.ResponseRecorder {
	s.t.Helper()
	return s.send(http.MethodPost, "/vci/credential", with, request)
}

// obtain asks for a configuration with one proof and expects a status.
func (s *stand) obtain(with access, name, id string, status int) *issue.Response {
	s.t.Helper()
	return tokentest.Decode[issue.Response](s.t, s.ask(with, map[string]any{name: id, "proofs": s.prove(s.wallet)}), status)
}

// refusal expects an error and returns its code.
func refusal(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	if w.Code < 400 || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d, Cache-Control %q", w.Code, w.Header().Get("Cache-Control"))
	}
	if strings.ContainsAny(body.Description, `"\`) || !bytes.Equal([]byte(body.Description), bytes.ToValidUTF8([]byte(body.Description), nil)) {
		t.Errorf("characters that error_description may not have: %q", body.Description)
	}
	return body.Error
}
