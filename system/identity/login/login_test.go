package login_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"tocsin/system/authenticator"
	"tocsin/system/identity/attempts"
	"tocsin/system/identity/claim"
	"tocsin/system/identity/login"
	"tocsin/system/identity/login/logintest"
	"tocsin/system/identity/transaction"
)

// logIn authenticates Person by PIN.
func logIn(t testing.TB, s *logintest.Site, begun *transaction.Transaction) *login.Outcome {
	t.Helper()
	outcome, err := s.Service.Authenticate(t.Context(), begun, authenticator.PIN, logintest.IndividualID, logintest.PIN)
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

func TestFirstLoginAsksForConsent(t *testing.T) {
	s := logintest.New(t)
	begun := s.Transaction()
	begun.Claims = claim.Request{IDToken: []claim.Wish{{Name: "email"}}, AuthTime: true}
	outcome := logIn(t, s, begun)
	if outcome.Location != "" || outcome.Transaction == nil || begun.Session != nil {
		t.Fatalf("outcome %+v; the transaction that came in changed: %v", outcome, begun.Session)
	}
	if got := outcome.Session; got.Person != logintest.Person || got.ACR != authenticator.PIN.ACR() || !got.AuthTime.Equal(s.Now()) {
		t.Errorf("session %+v", got)
	}
	s.Pass(time.Minute)
	finished, err := s.Service.Allow(t.Context(), outcome.Transaction, []string{"name", "email", "address"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer := logintest.Answer(t, finished.Location)
	if answer.Get("state") != "st" || answer.Get("code") != finished.Code || finished.Transaction != nil {
		t.Errorf("answer %v, outcome %+v", answer, finished)
	}
	got, err := s.Codes.Open(finished.Code)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"name", "updated_at", "email", "email_verified"}; !slices.Equal(got.Allowed, want) {
		t.Errorf("allowed %v, want %v", got.Allowed, want)
	}
	if !slices.Equal(got.InIDToken, []string{"email"}) || !got.ShowAuthTime || got.Nonce != "no" || got.Person != logintest.Person ||
		got.SessionID != outcome.Session.ID || !got.AuthTime.Equal(outcome.Session.AuthTime) || got.CodeChallenge != begun.CodeChallenge {
		t.Errorf("code %+v", got)
	}
	grants := s.Grants.All()
	if len(grants) != 1 || grants[0].ID != got.GrantID || !slices.Equal(grants[0].Allowed, got.Allowed) || !grants[0].Expires.IsZero() {
		t.Errorf("grants %+v", grants)
	}
}

func TestKnownConsentIsNotAskedAgain(t *testing.T) {
	for _, test := range []struct {
		name  string
		knows []string
		set   func(*logintest.Site, *transaction.Transaction)
		asks  bool
	}{
		{"the same scopes", []string{"openid", "profile", "email"}, nil, false},
		{"fewer scopes than before", []string{"openid", "profile", "email", logintest.Credential}, nil, false},
		{"a new scope", []string{"openid", "profile"}, nil, true},
		{"a new claim", []string{"openid", "profile", "email"}, func(_ *logintest.Site, t *transaction.Transaction) {
			t.Claims.Userinfo = []claim.Wish{{Name: "address"}}
		}, true},
		{"prompt=consent", []string{"openid", "profile", "email"}, func(_ *logintest.Site, t *transaction.Transaction) {
			t.Prompt = []string{"consent"}
		}, true},
		{"a consent that has ended", []string{"openid", "profile", "email"}, func(s *logintest.Site, _ *transaction.Transaction) {
			s.Grants.All()[0].Expires = s.Now().Add(-time.Second)
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := logintest.New(t)
			s.Consent(t, test.knows...)
			begun := s.Transaction()
			if test.set != nil {
				test.set(s, begun)
			}
			if outcome := logIn(t, s, begun); (outcome.Location == "") != test.asks {
				t.Errorf("location %q, asks %v", outcome.Location, test.asks)
			}
		})
	}
}

func TestKnownConsentReleasesOnlyWhatWasAllowed(t *testing.T) {
	s := logintest.New(t)
	s.Consent(t, "openid", "profile", "email").Allowed = []string{"name"}
	got, err := s.Codes.Open(logIn(t, s, s.Transaction()).Code)
	if err != nil || !slices.Equal(got.Allowed, []string{"name"}) {
		t.Errorf("released %v, %v", got, err)
	}
}

func TestConsentEndsWhenTheClientSaysSo(t *testing.T) {
	s := logintest.New(t)
	s.Clients[logintest.ClientID].ConsentLife = 30
	if _, err := s.Service.Allow(t.Context(), logIn(t, s, s.Transaction()).Transaction, nil, nil); err != nil {
		t.Fatal(err)
	}
	if got := s.Grants.All()[0].Expires; !got.Equal(s.Now().Add(30 * time.Minute)) {
		t.Errorf("consent ends %s", got)
	}
}

func TestScopesThatAreNotPermittedAreLeftOut(t *testing.T) {
	s := logintest.New(t)
	outcome, err := s.Service.Allow(t.Context(), logIn(t, s, s.Transaction()).Transaction, []string{"name", "email"}, []string{"profile"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Codes.Open(outcome.Code)
	if err != nil || !slices.Equal(got.Scopes, []string{"openid", "profile"}) || slices.Contains(got.Allowed, "email") {
		t.Errorf("code %+v, %v", got, err)
	}
}

func TestRepeatedConsentIsOneGrantAndOneCode(t *testing.T) {
	s := logintest.New(t)
	begun := logIn(t, s, s.Transaction()).Transaction
	ids := map[string]bool{}
	for range 3 {
		outcome, err := s.Service.Allow(t.Context(), begun, []string{"name"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Codes.Open(outcome.Code)
		if err != nil {
			t.Fatal(err)
		}
		ids[got.ID] = true
		s.Pass(time.Second)
	}
	if len(ids) != 1 || len(s.Grants.All()) != 1 {
		t.Errorf("codes %v under %d grants: of the codes of one login only one may be redeemed", ids, len(s.Grants.All()))
	}
}

func TestOneTimeCodes(t *testing.T) {
	s := logintest.New(t)
	begun := s.Transaction()
	delivery, sent, err := s.Service.SendOTP(t.Context(), begun, logintest.IndividualID)
	if err != nil || delivery.MaskedEmail == "" || !sent.OTPSent || begun.OTPSent {
		t.Fatalf("delivery %+v, %+v, %v", delivery, sent, err)
	}
	outcome, err := s.Service.Authenticate(t.Context(), sent, authenticator.OTP, logintest.IndividualID, logintest.OTP)
	if err != nil || outcome.Session.ACR != authenticator.OTP.ACR() || !slices.Equal(outcome.Session.AMR, []string{"otp"}) {
		t.Errorf("outcome %+v, %v", outcome, err)
	}
	for range 2 {
		if _, _, err := s.Service.SendOTP(t.Context(), begun, logintest.IndividualID); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.Service.SendOTP(t.Context(), begun, logintest.IndividualID); !errors.Is(err, attempts.ErrLocked) {
		t.Errorf("the fourth code: %v", err)
	}
	s.Persons.SetAway(true)
	if _, _, err := s.Service.SendOTP(t.Context(), s.Transaction(), logintest.Other); !errors.Is(err, logintest.ErrAway) {
		t.Errorf("authenticator away: %v", err)
	}
	begun.ACRs = []string{authenticator.PIN.ACR()}
	if _, _, err := s.Service.SendOTP(t.Context(), begun, logintest.IndividualID); !errors.Is(err, login.ErrUnsupported) {
		t.Errorf("a login that wants a PIN: %v", err)
	}
}

func TestView(t *testing.T) {
	s := logintest.New(t)
	begun := s.Transaction()
	begun.Locales, begun.LoginHint = []string{"xx", "nb"}, "123"
	begun.Scopes = append(begun.Scopes, logintest.Credential)
	begun.Configurations = []string{logintest.Credential}
	begun.ACRs = []string{authenticator.Wallet.ACR(), authenticator.PIN.ACR()}
	s.Pass(time.Minute)
	view, err := s.Service.View(t.Context(), begun)
	if err != nil {
		t.Fatal(err)
	}
	if view.ClientName != "Skatteetaten" || view.RedirectOrigin != "https://tax.example.org" || view.ExpiresIn != 540 || view.LoginHint != "123" || view.Authenticated {
		t.Errorf("view %+v", view)
	}
	if !slices.Equal(view.Factors, []authenticator.Factor{authenticator.Wallet, authenticator.PIN}) || !slices.Equal(view.Credentials, []string{"Nasjonal ID"}) {
		t.Errorf("factors %v, credentials %v", view.Factors, view.Credentials)
	}
	if len(view.Claims) != 8 || view.Claims[0].Name != "name" {
		t.Errorf("claims %+v", view.Claims)
	}
	for uri, want := range map[string]string{"https://c:8443/cb?x": "https://c:8443", "app.example:/cb": "app.example:", ":": ""} {
		if got := login.Origin(uri); got != want {
			t.Errorf("origin of %s is %q", uri, got)
		}
	}
}

func BenchmarkFinish(b *testing.B) {
	s := logintest.New(b)
	s.Consent(b, "openid", "profile", "email")
	begun := s.Transaction()
	b.ReportAllocs()
	for b.Loop() {
		if outcome := logIn(b, s, begun); outcome.Code == "" {
			b.Fatal("no code")
		}
	}
}
