package introspect_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"tocsin/system/identity/introspect"
	"tocsin/system/identity/jws"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/token"
	"tocsin/system/identity/token/tokentest"
)

type site struct {
	*tokentest.Provider
	endpoint *introspect.Endpoint
}

func newSite(t testing.TB) *site {
	t.Helper()
	p := tokentest.NewProvider(t, jws.ErrInvalid)
	return &site{Provider: p, endpoint: &introspect.Endpoint{
		Auth: p.Auth, Ledger: p.Ledger, Verifier: p.Keys, Refresh: p.Refresh, Families: p.Quorum, Revocations: p.Quorum,
		Issuer: tokentest.Issuer, Now: p.Now, Log: slog.New(slog.DiscardHandler),
	}}
}

func (s *site) ask(t testing.TB, party *tokentest.Party, text string) *httptest.ResponseRecorder {
	t.Helper()
	return s.Post(t, s.endpoint, "/introspect", party.Form(t, s.Clock, "token", text, "token_type_hint", "refresh_token"), nil)
}

func TestWhatIsActive(t *testing.T) {
	s := newSite(t)
	issued, bound := s.Issue(t, s.Plain, nil, nil), s.Issue(t, s.FAPI, s.FAPI.Key, nil)
	used := s.Issue(t, s.Plain, nil, nil)
	form := s.Plain.Form(t, s.Clock, "grant_type", "refresh_token", "refresh_token", used.RefreshToken)
	next := tokentest.Decode[token.Response](t, s.Token(t, form, nil), http.StatusOK)
	revoked := s.Issue(t, s.Plain, nil, nil)
	claims := token.AccessClaims{}
	if err := s.Keys.Verify(revoked.AccessToken, token.AccessType, &claims); err != nil {
		t.Fatal(err)
	}
	if err := s.Quorum.Revoke(t.Context(), claims.Family, time.Hour); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		party  *tokentest.Party
		text   string
		active bool
	}{
		{"an access token, asked for by its client", s.Plain, issued.AccessToken, true},
		{"an access token, asked for by a resource", s.Other, issued.AccessToken, true},
		{"a bound access token", s.Other, bound.AccessToken, true},
		{"a refresh token, asked for by its client", s.Plain, issued.RefreshToken, true},
		{"a refresh token that was rotated", s.Plain, next.RefreshToken, true},
		{"a refresh token that was used", s.Plain, used.RefreshToken, false},
		{"another client's refresh token", s.Other, issued.RefreshToken, false},
		{"an access token of a family that was revoked", s.Plain, revoked.AccessToken, false},
		{"a refresh token of a family that was revoked", s.Plain, revoked.RefreshToken, false},
		{"an ID token", s.Plain, issued.IDToken, false},
		{"a code", s.Plain, s.Code(t, s.Plain, nil), false},
		{"a text that was made up", s.Plain, "made-up", false},
		{"a JWT that was made up", s.Plain, "a.b.c", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := s.ask(t, test.party, test.text)
			got := *tokentest.Decode[map[string]any](t, w, http.StatusOK)
			if got["active"] != test.active || (len(got) == 1) == test.active {
				t.Errorf("got %v", got)
			}
			if got["pid"] != nil || got["allowed_claims"] != nil || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("tells too much, or is cached: %v %v", got, w.Header())
			}
		})
	}
	got := *tokentest.Decode[map[string]any](t, s.ask(t, s.Other, bound.AccessToken), http.StatusOK)
	if got["token_type"] != "DPoP" || got["cnf"] == nil || got["client_id"] != "fapi" || got["scope"] != "openid profile email" {
		t.Errorf("got %v", got)
	}
	s.Clock = s.Clock.Add(5 * time.Minute)
	if got := *tokentest.Decode[map[string]any](t, s.ask(t, s.Plain, issued.AccessToken), http.StatusOK); got["active"] != false {
		t.Errorf("expired: got %v", got)
	}
}

func TestWhoMayAsk(t *testing.T) {
	s := newSite(t)
	text := s.Issue(t, s.Plain, nil, nil).AccessToken
	replayed := s.Plain.Form(t, s.Clock, "token", text)
	for _, test := range []struct {
		name   string
		form   url.Values
		status int
		kind   oautherr.Kind
	}{
		{"a client", replayed, 200, ""},
		{"an assertion that was used before", replayed, 401, oautherr.InvalidClient},
		{"nobody", url.Values{"token": {text}}, 401, oautherr.InvalidClient},
		{"a public client", s.Wallet.Form(t, s.Clock, "token", text), 400, oautherr.UnauthorizedClient},
		{"without a token", s.Plain.Form(t, s.Clock), 400, oautherr.InvalidRequest},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := s.Post(t, s.endpoint, "/introspect", test.form, nil)
			got := tokentest.Decode[struct{ Error oautherr.Kind }](t, w, test.status)
			if got.Error != test.kind {
				t.Errorf("got %s", w.Body)
			}
		})
	}
}

type broken struct{ error }

func (b broken) Verify(string, string, any) error { return b.error }

func TestWhatCannotBeToldIsNeverInactive(t *testing.T) {
	away := errors.New("connection refused")
	for name, set := range map[string]func(*site){
		"clients":  func(s *site) { s.Registry.Away = away },
		"quorum":   func(s *site) { s.Quorum.Away = away },
		"keys":     func(s *site) { s.endpoint.Verifier = broken{away} },
		"families": func(s *site) { s.endpoint.Families = &tokentest.Quorum{Away: away} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			issued := s.Issue(t, s.Plain, nil, nil)
			text := issued.AccessToken
			if name == "families" {
				text = issued.RefreshToken
			}
			form := s.Plain.Form(t, s.Clock, "token", text)
			set(s)
			w := s.Post(t, s.endpoint, "/introspect", form, nil)
			if got := tokentest.Decode[map[string]any](t, w, http.StatusServiceUnavailable); (*got)["active"] != nil {
				t.Errorf("got %v", got)
			}
			if name == "quorum" || name == "clients" {
				return
			}
			if s.endpoint.Verifier, s.endpoint.Families = s.Keys, s.Quorum; s.Post(t, s.endpoint, "/introspect", form, nil).Code != http.StatusOK {
				t.Error("the assertion stayed marked as used")
			}
		})
	}
}

func BenchmarkIntrospect(b *testing.B) {
	s := newSite(b)
	text := s.Issue(b, s.Plain, nil, nil).AccessToken
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		form := s.Plain.Form(b, s.Clock, "token", text)
		b.StartTimer()
		if w := s.Post(b, s.endpoint, "/introspect", form, nil); w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}
