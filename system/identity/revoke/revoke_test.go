package revoke_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"tocsin/system/identity/jws"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/revoke"
	"tocsin/system/identity/token"
	"tocsin/system/identity/token/tokentest"
)

type site struct {
	*tokentest.Provider
	endpoint *revoke.Endpoint
}

func newSite(t testing.TB) *site {
	t.Helper()
	p := tokentest.NewProvider(t, jws.ErrInvalid)
	return &site{Provider: p, endpoint: &revoke.Endpoint{
		Auth: p.Auth, Ledger: p.Ledger, Verifier: p.Keys, Refresh: p.Refresh, Revocations: p.Quorum,
		AccessLife: 5 * time.Minute, Now: p.Now, Log: slog.New(slog.DiscardHandler),
	}}
}

func (s *site) revoke(t testing.TB, party *tokentest.Party, text string) *httptest.ResponseRecorder {
	t.Helper()
	return s.Post(t, s.endpoint, "/revoke", party.Form(t, s.Clock, "token", text), nil)
}

func (s *site) claims(t testing.TB, text string) *token.AccessClaims {
	t.Helper()
	claims := &token.AccessClaims{}
	if err := s.Keys.Verify(text, token.AccessType, claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestRevoking(t *testing.T) {
	for _, test := range []struct {
		name               string
		party              func(*site) *tokentest.Party
		text               func(*site, *token.Response) string
		status             int
		token, wholeFamily bool
	}{
		{"an access token", plain, access, 200, true, false},
		{"a refresh token ends its family", plain, refresh, 200, false, true},
		{"a text that was made up", plain, fixed("made-up"), 200, false, false},
		{"a JWT that was made up", plain, fixed("a.b.c"), 200, false, false},
		{"no token", plain, fixed(""), 400, false, false},
		{"another client's access token", other, access, 400, false, false},
		{"another client's refresh token", other, refresh, 400, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			issued := s.Issue(t, s.Plain, nil, nil)
			claims := s.claims(t, issued.AccessToken)
			if w := s.revoke(t, test.party(s), test.text(s, issued)); w.Code != test.status {
				t.Fatalf("got %d: %s", w.Code, w.Body)
			}
			if s.Quorum.Revoked(claims.ID) != test.token || s.Quorum.Revoked(claims.Family) != test.wholeFamily {
				t.Error("not what was asked for")
			}
			form := s.Plain.Form(t, s.Clock, "grant_type", "refresh_token", "refresh_token", issued.RefreshToken)
			if w := s.Token(t, form, nil); (w.Code != http.StatusOK) != test.wholeFamily {
				t.Errorf("refreshing: got %d: %s", w.Code, w.Body)
			}
		})
	}
}

func plain(s *site) *tokentest.Party            { return s.Plain }
func other(s *site) *tokentest.Party            { return s.Other }
func access(_ *site, r *token.Response) string  { return r.AccessToken }
func refresh(_ *site, r *token.Response) string { return r.RefreshToken }
func fixed(text string) func(*site, *token.Response) string {
	return func(*site, *token.Response) string { return text }
}

func TestAPublicClientMayEndItsOwn(t *testing.T) {
	s := newSite(t)
	issued := s.Issue(t, s.Wallet, s.Wallet.Key, nil)
	if w := s.revoke(t, s.Wallet, issued.RefreshToken); w.Code != http.StatusOK {
		t.Fatalf("got %d: %s", w.Code, w.Body)
	}
	if !s.Quorum.Revoked(s.claims(t, issued.AccessToken).Family) {
		t.Error("still works")
	}
}

func TestAnExpiredTokenNeedsNoEnding(t *testing.T) {
	s := newSite(t)
	text := s.Issue(t, s.Plain, nil, nil).AccessToken
	s.Clock = s.Clock.Add(time.Hour)
	if w := s.revoke(t, s.Plain, text); w.Code != http.StatusOK || s.Quorum.Revoked(s.claims(t, text).ID) {
		t.Errorf("got %d", w.Code)
	}
}

type broken struct{ error }

func (b broken) Verify(string, string, any) error { return b.error }

func TestDoneMeansDone(t *testing.T) {
	away := errors.New("connection refused")
	for name, set := range map[string]func(*site){
		"clients":     func(s *site) { s.Registry.Away = away },
		"quorum":      func(s *site) { s.Quorum.Away = away },
		"keys":        func(s *site) { s.endpoint.Verifier = broken{away} },
		"revocations": func(s *site) { s.endpoint.Revocations = &tokentest.Quorum{Away: away} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			issued := s.Issue(t, s.Plain, nil, nil)
			form := s.Plain.Form(t, s.Clock, "token", issued.AccessToken)
			set(s)
			w := s.Post(t, s.endpoint, "/revoke", form, nil)
			if got := tokentest.Decode[struct{ Error oautherr.Kind }](t, w, http.StatusServiceUnavailable); got.Error != oautherr.TemporarilyUnavailable {
				t.Errorf("got %s", w.Body)
			}
			s.Registry.Away, s.Quorum.Away, s.endpoint.Verifier, s.endpoint.Revocations = nil, nil, s.Keys, s.Quorum
			if w := s.Post(t, s.endpoint, "/revoke", form, nil); w.Code != http.StatusOK {
				t.Errorf("the same again: got %d: %s", w.Code, w.Body)
			}
		})
	}
}
