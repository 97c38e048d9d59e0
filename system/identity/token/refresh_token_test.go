package token_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/system/identity/code"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/token"
	"tocsin/system/identity/token/tokentest"
)

func refresh(t *testing.T, p *tokentest.Provider, party *tokentest.Party, text string, key *tokentest.Key, pairs ...string) *httptest.ResponseRecorder {
	t.Helper()
	pairs = append([]string{"grant_type", "refresh_token", "refresh_token", text}, pairs...)
	return p.Token(t, party.Form(t, p.Clock, pairs...), key)
}

func refreshed(t *testing.T, p *tokentest.Provider, party *tokentest.Party, text string, key *tokentest.Key, pairs ...string) *token.Response {
	t.Helper()
	return tokentest.Decode[token.Response](t, refresh(t, p, party, text, key, pairs...), http.StatusOK)
}

func TestRefreshing(t *testing.T) {
	p := tokentest.NewProvider(t, errInvalid)
	first := p.Issue(t, p.Plain, nil, func(c *code.Code) { c.ShowAuthTime = true })
	p.Clock = p.Clock.Add(time.Hour)
	second := refreshed(t, p, p.Plain, first.RefreshToken, nil)
	if second.RefreshToken == "" || second.RefreshToken == first.RefreshToken {
		t.Error("the refresh token was not rotated")
	}
	before, after := opened[idToken](t, p, first.IDToken, token.IDType), opened[idToken](t, p, second.IDToken, token.IDType)
	// OpenID Connect Core, 12.2.
	if after.Nonce != "" || after.Subject != before.Subject || after.AuthTime != before.AuthTime || after.AuthTime == 0 ||
		after.Audience != before.Audience || after.IssuedAt <= before.IssuedAt || after.SessionID != before.SessionID {
		t.Errorf("got %+v after %+v", after, before)
	}
	older, newer := opened[token.AccessClaims](t, p, first.AccessToken, token.AccessType), opened[token.AccessClaims](t, p, second.AccessToken, token.AccessType)
	if newer.Family != older.Family || newer.ID == older.ID || newer.GrantID != older.GrantID || cmp.Diff(newer.Allowed, older.Allowed) != "" {
		t.Errorf("got %+v after %+v", newer, older)
	}
}

// FAPI 2.0 Security Profile, 5.3.2.1, 9: the answer may be lost.
func TestALostAnswerIsGivenAgain(t *testing.T) {
	for _, test := range []struct {
		name  string
		after time.Duration
		valid bool
	}{
		{"fapi2-security-profile-final-refresh-token, at once", 0, true},
		{"fapi2-security-profile-final-refresh-token, after 30 seconds", 30 * time.Second, true},
		{"after the grace", 61 * time.Second, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := tokentest.NewProvider(t, errInvalid)
			first := p.Issue(t, p.Plain, nil, nil)
			second := refreshed(t, p, p.Plain, first.RefreshToken, nil)
			p.Clock = p.Clock.Add(test.after)
			again := refresh(t, p, p.Plain, first.RefreshToken, nil)
			if test.valid {
				if got := tokentest.Decode[token.Response](t, again, http.StatusOK); got.RefreshToken != second.RefreshToken {
					t.Error("the answer is another than the lost one")
				}
				refreshed(t, p, p.Plain, second.RefreshToken, nil)
				return
			}
			wantRefusal(t, again, 400, oautherr.InvalidGrant)
			// The family is gone, the current token with it.
			wantRefusal(t, refresh(t, p, p.Plain, second.RefreshToken, nil), 400, oautherr.InvalidGrant)
			access := opened[token.AccessClaims](t, p, second.AccessToken, token.AccessType)
			if !p.Quorum.Revoked(access.Family) {
				t.Error("access tokens of the family still work")
			}
		})
	}
}

func TestTheGrandparentIsNeverTaken(t *testing.T) {
	p := tokentest.NewProvider(t, errInvalid)
	first := p.Issue(t, p.Plain, nil, nil)
	second := refreshed(t, p, p.Plain, first.RefreshToken, nil)
	refreshed(t, p, p.Plain, second.RefreshToken, nil)
	wantRefusal(t, refresh(t, p, p.Plain, first.RefreshToken, nil), 400, oautherr.InvalidGrant)
}

func TestRefreshTokensAreBound(t *testing.T) {
	p := tokentest.NewProvider(t, errInvalid)
	stranger := tokentest.NewKey(t, "ES256")
	plain, fapi, wallet := p.Issue(t, p.Plain, nil, nil), p.Issue(t, p.FAPI, p.FAPI.Key, nil), p.Issue(t, p.Wallet, p.Wallet.Key, nil)
	for _, test := range []struct {
		name   string
		answer *httptest.ResponseRecorder
		kind   oautherr.Kind
	}{
		{"oidcc-refresh-token, by another client", refresh(t, p, p.Other, plain.RefreshToken, nil), oautherr.InvalidGrant},
		{"fapi2-security-profile-final-refresh-token, without holder of key", refresh(t, p, p.FAPI, fapi.RefreshToken, nil), oautherr.InvalidDPoPProof},
		{"a public client with another key", refresh(t, p, p.Wallet, wallet.RefreshToken, stranger), oautherr.InvalidGrant},
		{"a token that was made up", refresh(t, p, p.Plain, "made-up", nil), oautherr.InvalidGrant},
		{"a code in its place", refresh(t, p, p.Plain, p.Code(t, p.Plain, nil), nil), oautherr.InvalidGrant},
		{"an access token in its place", refresh(t, p, p.Plain, plain.AccessToken, nil), oautherr.InvalidGrant},
		{"no token", refresh(t, p, p.Plain, "", nil), oautherr.InvalidRequest},
		{"a scope that was not granted", refresh(t, p, p.Plain, plain.RefreshToken, nil, "scope", "openid phone"), oautherr.InvalidScope},
	} {
		t.Run(test.name, func(t *testing.T) { wantRefusal(t, test.answer, 400, test.kind) })
	}
	// None of that used them up. A client that authenticates may change its key.
	refreshed(t, p, p.Plain, plain.RefreshToken, nil)
	refreshed(t, p, p.FAPI, fapi.RefreshToken, stranger)
	refreshed(t, p, p.Wallet, wallet.RefreshToken, p.Wallet.Key)
}

func TestScopesNarrowForOneAccessTokenOnly(t *testing.T) {
	p := tokentest.NewProvider(t, errInvalid)
	first := p.Issue(t, p.Plain, nil, nil)
	narrow := refreshed(t, p, p.Plain, first.RefreshToken, nil, "scope", "openid profile")
	access := opened[token.AccessClaims](t, p, narrow.AccessToken, token.AccessType)
	if access.Scope != "openid profile" || narrow.Scope != access.Scope || slices.Contains(access.Allowed, "email") {
		t.Errorf("got %q, %v", access.Scope, access.Allowed)
	}
	if wide := refreshed(t, p, p.Plain, narrow.RefreshToken, nil); wide.Scope != "openid profile email" {
		t.Errorf("got %q", wide.Scope)
	}
}

func TestFamiliesEnd(t *testing.T) {
	p := tokentest.NewProvider(t, errInvalid)
	first := p.Issue(t, p.Plain, nil, nil)
	p.Clock = p.Clock.Add(23 * time.Hour)
	second := refreshed(t, p, p.Plain, first.RefreshToken, nil)
	p.Clock = p.Clock.Add(time.Hour)
	wantRefusal(t, refresh(t, p, p.Plain, second.RefreshToken, nil), 400, oautherr.InvalidGrant)
}

func TestALogoutEndsRefreshing(t *testing.T) {
	p := tokentest.NewProvider(t, errInvalid)
	first := p.Issue(t, p.Plain, nil, nil)
	if err := p.Quorum.Revoke(t.Context(), "session-1", time.Hour); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, refresh(t, p, p.Plain, first.RefreshToken, nil), 400, oautherr.InvalidGrant)
}

func TestRefreshTokensAreSafeInForms(t *testing.T) {
	p := tokentest.NewProvider(t, errInvalid)
	text := p.Issue(t, p.Plain, nil, nil).RefreshToken
	if len(text) > 2048 || strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("%d characters: %s", len(text), text) // RFC 6749, A.17
	}
}
