package par_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tocsin/system/identity/authorize"
	"tocsin/system/identity/clientauth"
	"tocsin/system/identity/dpop"
	"tocsin/system/identity/login/logintest"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/par"
	"tocsin/system/identity/spent"
	"tocsin/system/identity/store"
)

// auth knows a client by an assertion of the form "<client> <jti>".
type auth struct{ clients logintest.Clients }

// Authenticate implements par.Authenticator.
func (a auth) Authenticate(ctx context.Context, _ *http.Request, form url.Values) (*clientauth.Authenticated, error) {
	id, jti, _ := strings.Cut(form.Get("client_assertion"), " ")
	if jti == "" {
		return nil, oautherr.New(oautherr.InvalidClient, "client_assertion is missing")
	}
	client, err := a.clients.Client(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, oautherr.New(oautherr.InvalidClient, "unknown client")
	}
	if err != nil {
		return nil, err
	}
	return &clientauth.Authenticated{Client: client, Marks: []spent.Mark{{Kind: spent.Assertion, ID: jti, Life: time.Minute}}}, nil
}

// proofs takes the header DPoP as "<thumbprint> <jti>".
type proofs struct{}

// Check implements par.Proofs.
func (proofs) Check(r *http.Request, _ string) (*dpop.Proof, error) {
	header := r.Header.Get("DPoP")
	if header == "" {
		return nil, nil
	}
	thumbprint, jti, found := strings.Cut(header, " ")
	if !found {
		return nil, oautherr.New(oautherr.InvalidDPoPProof, "the proof is no JWT")
	}
	return &dpop.Proof{Thumbprint: thumbprint, Mark: spent.Mark{Kind: spent.Proof, ID: jti, Life: time.Minute}}, nil
}

// Offer implements par.Proofs.
func (proofs) Offer(w http.ResponseWriter, _ *http.Request) { w.Header().Set("DPoP-Nonce", "n") }

type site struct {
	*logintest.Site
	requests *par.Requests
	endpoint *par.Endpoint
	serial   int
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{Site: logintest.New(t)}
	requests, err := par.NewRequests(s.Keys, s.Now)
	if err != nil {
		t.Fatal(err)
	}
	s.requests = requests
	s.endpoint = &par.Endpoint{
		Auth: auth{s.Clients}, Proofs: proofs{}, Marks: s.Marks, Requests: requests,
		Rules: authorize.Rules{Issuer: logintest.Issuer, Credentials: s.Credentials}, Log: slog.New(slog.DiscardHandler),
	}
	return s
}

// form returns a good request with changes: name and value in turn, "-" takes away.
func (s *site) form(changes ...string) url.Values {
	s.serial++
	form := url.Values{
		"client_assertion": {fmt.Sprintf("%s jti-%d", logintest.ClientID, s.serial)}, "client_assertion_type": {clientauth.AssertionType},
		"client_id": {logintest.ClientID}, "redirect_uri": {logintest.RedirectURI}, "response_type": {"code"},
		"scope": {"openid"}, "state": {"st"}, "code_challenge_method": {"S256"}, "code_challenge": {strings.Repeat("A", 43)},
	}
	for i := 0; i+1 < len(changes); i += 2 {
		if changes[i+1] == "-" {
			form.Del(changes[i])
			continue
		}
		form[changes[i]] = []string{changes[i+1]}
	}
	return form
}

type answer struct {
	Status     int
	RequestURI string `json:"request_uri"`
	ExpiresIn  int    `json:"expires_in"`
	Error      string `json:"error"`
	header     http.Header
}

func (s *site) push(t testing.TB, form url.Values, headers ...string) answer {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/par", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return s.do(t, r)
}

func (s *site) do(t testing.TB, r *http.Request) answer {
	t.Helper()
	w := httptest.NewRecorder()
	s.endpoint.ServeHTTP(w, r)
	got := answer{Status: w.Code, header: w.Header()}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Error("the answer may be stored")
	}
	return got
}
