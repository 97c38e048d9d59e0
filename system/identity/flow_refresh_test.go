package identity_test

import (
	"net/http"
	"sync"
	"testing"
)

func TestARefreshTokenRotatesAndTheOneBeforeGetsTheSameAnswer(t *testing.T) {
	t.Parallel()
	p := newParty(t, clientID)
	first := p.obtain("openid profile", "2000000100")
	second := p.refresh(here(), first.Refresh)
	if second.Refresh == "" || second.Refresh == first.Refresh || second.ID == "" {
		t.Fatalf("refresh: %d %s", second.answer.status, second.answer.body)
	}
	again := p.refresh(there(), first.Refresh)
	if again.Refresh != second.Refresh {
		t.Errorf("the one before, within the grace and in the other zone: %d %s", again.answer.status, again.answer.body)
	}
	for name, of := range map[string]string{"sub": "", "sid": "", "acr": "", "nonce": "gone"} {
		was, is := claims(t, first.ID)[name], claims(t, second.ID)[name]
		if was == nil || of == "" && is != was || of == "gone" && is != nil {
			t.Errorf("%s of the ID token was %v and is %v", name, was, is)
		}
	}
	p.mustLive(first.Access, second.Access, again.Access)
	if p.active(there(), first.Refresh) || !p.active(there(), second.Refresh) {
		t.Error("introspection does not know which refresh token is the newest")
	}
}

func TestFiftyUsesOfOneRefreshTokenInTwoZonesGiveOneNewToken(t *testing.T) {
	t.Parallel()
	p := newParty(t, clientID)
	oldest := p.obtain("openid profile", "2000000101")
	used := p.refresh(here(), oldest.Refresh)
	answers := make([]*tokens, 50)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() { answers[i] = p.refresh(gateways()[i%2], used.Refresh) })
	}
	group.Wait()
	var fresh, access []string
	for _, got := range answers {
		if !honest(got.answer) {
			t.Errorf("%d %s", got.answer.status, got.answer.body)
		}
		if got.answer.status == http.StatusOK {
			fresh, access = append(fresh, got.Refresh), append(access, got.Access)
		}
	}
	if len(fresh) == 0 || distinct(fresh) != 1 || fresh[0] == used.Refresh {
		t.Fatalf("%d answers with %d different new refresh tokens", len(fresh), distinct(fresh))
	}
	newest := p.refresh(there(), fresh[0])
	if newest.Refresh == "" {
		t.Fatalf("the new one: %d %s", newest.answer.status, newest.answer.body)
	}
	p.mustLive(oldest.Access, access[0], newest.Access)

	// Now somebody has an old one: nobody can tell who is the thief.
	if got := p.refresh(there(), oldest.Refresh); got.Error != "invalid_grant" || got.answer.status != http.StatusBadRequest {
		t.Errorf("three generations old: %d %s", got.answer.status, got.answer.body)
	}
	p.mustDie(oldest.Access, access[0], newest.Access, newest.Refresh)
	for _, gateway := range gateways() {
		if got := p.refresh(gateway, newest.Refresh); got.Error != "invalid_grant" {
			t.Errorf("the newest of a family that has ended, at %s: %d %s", gateway, got.answer.status, got.answer.body)
		}
	}
}

func TestATokenTwoGenerationsOldEndsItsFamily(t *testing.T) {
	t.Parallel()
	p := newParty(t, clientID)
	first := p.obtain("openid profile", "2000000102")
	bystander := p.obtain("openid profile", "2000000102")
	second := p.refresh(there(), first.Refresh)
	third := p.refresh(here(), second.Refresh)
	if third.Refresh == "" {
		t.Fatalf("refresh: %d %s", third.answer.status, third.answer.body)
	}
	if got := p.refresh(there(), first.Refresh); got.Error != "invalid_grant" {
		t.Errorf("two generations old: %d %s", got.answer.status, got.answer.body)
	}
	p.mustDie(first.Access, second.Access, third.Access, third.Refresh)
	p.mustLive(bystander.Access) // the same person and client, another login
}

func TestARefreshTokenIsOfItsClientItsKeyAndItsScopes(t *testing.T) {
	t.Parallel()
	p, wallet := newParty(t, clientID), proving(t, "wallet")
	held, bound := p.obtain("openid profile email", "2000000103"), wallet.obtain("openid", "2000000103")
	thief := *wallet
	thief.key = newKey(t)
	for name, test := range map[string]struct {
		got  *tokens
		want string
	}{
		"another client":    {newParty(t, "other").refresh(there(), held.Refresh), "invalid_grant"},
		"another key":       {thief.refresh(there(), bound.Refresh), "invalid_grant"},
		"a wider scope":     {p.token(here(), "grant_type", "refresh_token", "refresh_token", held.Refresh, "scope", "openid credential_offer"), "invalid_scope"},
		"a changed token":   {p.refresh(here(), held.Refresh[:len(held.Refresh)-2]+"AA"), "invalid_grant"},
		"no token":          {p.refresh(here(), ""), "invalid_request"},
		"an access token":   {p.refresh(here(), held.Access), "invalid_grant"},
		"a narrower scope":  {p.token(there(), "grant_type", "refresh_token", "refresh_token", held.Refresh, "scope", "openid email"), ""},
		"the key it is for": {wallet.refresh(there(), bound.Refresh), ""},
	} {
		if test.got.Error != test.want {
			t.Errorf("%s: %d %s, want %q", name, test.got.answer.status, test.got.answer.body, test.want)
		}
		if name == "a narrower scope" {
			released := map[string]any{}
			decode(t, p.fetch(http.MethodGet, here(), "/userinfo", test.got.Access, ""), &released)
			if test.got.Scope != "email openid" && test.got.Scope != "openid email" || released["email"] == nil || released["name"] != nil {
				t.Errorf("scope %q, userinfo %v", test.got.Scope, released)
			}
		}
	}
}
