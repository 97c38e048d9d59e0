package transaction

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"tocsin/system/identity/claim"
	"tocsin/system/identity/secret"
	"tocsin/system/identity/session"
)

var started = time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)

func sealer(t testing.TB, now time.Time) *Sealer {
	t.Helper()
	keys, err := secret.Derive([]byte(strings.Repeat("pepper", 8)))
	if err != nil {
		t.Fatal(err)
	}
	made, err := NewSealer(keys, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// typical is what a login of a returning person carries at most.
func typical() *Transaction {
	return &Transaction{
		ID: NewID(started), ClientID: "tax-office", RedirectURI: "https://tax.example.org/callback",
		Scopes: []string{"email", "openid", "profile"}, State: strings.Repeat("s", 43), Nonce: strings.Repeat("n", 43),
		CodeChallenge: strings.Repeat("c", 43), Prompt: []string{"login"}, MaxAge: 300,
		ACRs: []string{"mosip:idp:acr:static-code"}, Locales: []string{"nb", "en"}, LoginHint: "1234567890",
		Claims:         claim.Request{Userinfo: []claim.Wish{{Name: "name", Essential: true}}, Only: []string{"name"}},
		DPoPThumbprint: strings.Repeat("d", 43), Configurations: []string{"NationalID"}, Pushed: "P",
		Started: started, Expires: started.Add(10 * time.Minute),
		Session: session.New("person-reference", started, "mosip:idp:acr:static-code", []string{"pin"}, 8*time.Hour), OTPSent: true,
	}
}

func TestTransactionComesBackAsItWasSealed(t *testing.T) {
	want := typical()
	sealed, err := sealer(t, started).Seal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := sealer(t, started.Add(9*time.Minute)).Open(sealed) // another zone, later
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if len(sealed) > 1600 {
		t.Errorf("a typical login takes %d characters of every request", len(sealed))
	}
}

func TestExpiredTransactionStillLeadsBack(t *testing.T) {
	sealed, err := sealer(t, started).Seal(typical())
	if err != nil {
		t.Fatal(err)
	}
	for _, late := range []time.Duration{10 * time.Minute, 24 * time.Hour} {
		got, err := sealer(t, started.Add(late)).Open(sealed)
		if !errors.Is(err, ErrGone) {
			t.Fatalf("after %s: %v, want ErrGone", late, err)
		}
		want := "https://tax.example.org/callback?error=temporarily_unavailable"
		if back := got.Back("https://op"); !strings.HasPrefix(back, want) || !strings.Contains(back, "state=sss") {
			t.Errorf("leads back to %s", back)
		}
	}
}

func TestRequestThatDoesNotFitIsRefusedBeforeTheLogin(t *testing.T) {
	large := typical()
	large.Session = nil
	for len(large.State) < 8000 {
		large.State += strings.Repeat("x", 50)
		if _, err := sealer(t, started).Seal(large); err == nil {
			continue
		} else if !errors.Is(err, ErrTooLarge) {
			t.Fatal(err)
		}
		large.State = large.State[:len(large.State)-50] // the largest that fits
		large.Session = typical().Session
		if _, err := sealer(t, started).Seal(large); err != nil {
			t.Errorf("taken at first, and too large once somebody had logged in: %v", err)
		}
		return
	}
	t.Error("8,000 characters of state were sealed")
}

func TestForgedTransactionIsRefused(t *testing.T) {
	s := sealer(t, started)
	good, err := s.Seal(typical())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := secret.Derive([]byte(strings.Repeat("pepper", 8)))
	if err != nil {
		t.Fatal(err)
	}
	box, err := keys.Box("session")
	if err != nil {
		t.Fatal(err)
	}
	otherPurpose, err := box.Seal(typical())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing": "", "no base64": "%%%", "changed": "A" + good[1:], "cut": good[:len(good)-4], "grown": good + "AAAA",
		"what another box sealed": otherPurpose, "oversized": strings.Repeat("A", MaxSealed+1),
	} {
		if got, err := s.Open(text); !errors.Is(err, ErrForged) || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestCallbackKeepsTheQueryOfTheRedirectURI(t *testing.T) {
	for redirect, want := range map[string]string{
		"https://c/cb":     "https://c/cb?code=x&iss=https%3A%2F%2Fop&state=s",
		"https://c/cb?a=b": "https://c/cb?a=b&code=x&iss=https%3A%2F%2Fop&state=s",
	} {
		if got := Callback(redirect, "s", "https://op", url.Values{"code": {"x"}}); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestOldestLoginsGiveWay(t *testing.T) {
	ids := make([]string, 4)
	for i := range ids {
		ids[i] = NewID(started.Add(time.Duration(i) * time.Minute))
	}
	for _, test := range []struct {
		name      string
		has, want []string
	}{
		{"two open logins leave room for a third", ids[:2], nil},
		{"three do not", []string{ids[2], ids[0], ids[1]}, ids[:1]},
		{"four have one too many besides", []string{ids[3], ids[1], ids[0], ids[2]}, ids[:2]},
		{"what is no id is not touched", []string{"x", "../../etc", ids[0], ids[1]}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/authorize", nil)
			r.AddCookie(&http.Cookie{Name: "__Host-session", Value: "s"})
			for _, id := range test.has {
				r.AddCookie(&http.Cookie{Name: CookiePrefix + strings.Map(cookieName, id), Value: "v"})
			}
			if got := Surplus(r); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// cookieName keeps what can be in the name of a cookie.
func cookieName(r rune) rune {
	if r == '/' {
		return '-'
	}
	return r
}

func TestCookieIsOnlyForThisHost(t *testing.T) {
	c := Cookie(NewID(started), "v", 10*time.Minute)
	if !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode || c.MaxAge <= 600 {
		t.Errorf("cookie %+v", c)
	}
	if gone := Forget("x"); gone.MaxAge >= 0 || gone.Path != "/" || !gone.Secure {
		t.Errorf("forgetting cookie %+v", gone)
	}
}

func FuzzOpen(f *testing.F) {
	s := sealer(f, started)
	good, err := s.Seal(typical())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good[:40])
	f.Add("")
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := s.Open(text); text != good && (got != nil || !errors.Is(err, ErrForged)) {
			t.Errorf("opened what nobody sealed: %+v, %v", got, err)
		}
	})
}

func BenchmarkSealAndOpen(b *testing.B) {
	s, t := sealer(b, started), typical()
	b.ReportAllocs()
	for b.Loop() {
		sealed, err := s.Seal(t)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Open(sealed); err != nil {
			b.Fatal(err)
		}
	}
}
