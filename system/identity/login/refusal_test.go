package login_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"tocsin/system/authenticator"
	"tocsin/system/identity/attempts"
	"tocsin/system/identity/login"
	"tocsin/system/identity/login/logintest"
	"tocsin/system/identity/transaction"
)

func TestRefusedSteps(t *testing.T) {
	s := logintest.New(t)
	begun := s.Transaction()
	authenticate := func(factor authenticator.Factor, id, challenge string) error {
		_, err := s.Service.Authenticate(t.Context(), begun, factor, id, challenge)
		return err
	}
	strong := s.Transaction()
	strong.ACRs = []string{authenticator.OTP.ACR()}
	for _, test := range []struct {
		name string
		got  error
		want error
	}{
		{"a wrong PIN", authenticate(authenticator.PIN, logintest.IndividualID, "0000"), login.ErrMismatch},
		{"an unknown person, in the same words", authenticate(authenticator.PIN, "5", logintest.PIN), login.ErrMismatch},
		{"the PIN of another factor", authenticate(authenticator.OTP, logintest.IndividualID, logintest.PIN), login.ErrMismatch},
		{"an empty id", authenticate(authenticator.PIN, "", logintest.PIN), login.ErrMismatch},
		{"an id with a NUL", authenticate(authenticator.PIN, "1\x00", logintest.PIN), login.ErrMismatch},
		{"an id in digits of another script", authenticate(authenticator.PIN, "١٢٣٤", logintest.PIN), login.ErrMismatch},
		{"an oversized PIN", authenticate(authenticator.PIN, logintest.IndividualID, strings.Repeat("1", 1000)), login.ErrMismatch},
		{"an unknown factor", authenticate("BIO", logintest.IndividualID, "x"), login.ErrUnsupported},
		{"a factor that is too weak", failure(s.Service.Authenticate(t.Context(), strong, authenticator.PIN, logintest.IndividualID, logintest.PIN)), login.ErrUnsupported},
		{"consent before login", failure(s.Service.Allow(t.Context(), begun, nil, nil)), login.ErrNotAuthenticated},
	} {
		if !errors.Is(test.got, test.want) {
			t.Errorf("%s: %v, want %v", test.name, test.got, test.want)
		}
	}
	for _, seen := range s.Persons.Attempts() {
		if strings.ContainsAny(seen.IndividualID, "\x00") || len(seen.Challenge) > 128 || seen.Transaction != begun.ID {
			t.Errorf("the authenticator was asked %q", seen)
		}
	}
}

func failure[T any](_ T, err error) error { return err }

func TestGuessingEnds(t *testing.T) {
	s := logintest.New(t)
	begun := s.Transaction()
	for range 5 {
		if _, err := s.Service.Authenticate(t.Context(), begun, authenticator.PIN, logintest.IndividualID, "0000"); !errors.Is(err, login.ErrMismatch) {
			t.Fatal(err)
		}
	}
	if _, err := s.Service.Authenticate(t.Context(), begun, authenticator.PIN, logintest.IndividualID, logintest.PIN); !errors.Is(err, attempts.ErrLocked) {
		t.Errorf("the right PIN after five wrong ones: %v", err)
	}
	if got := len(s.Persons.Attempts()); got != 5 {
		t.Errorf("the authenticator was asked %d times", got)
	}
}

func TestGuessesInParallelDoNotGetMore(t *testing.T) {
	s := logintest.New(t)
	begun := s.Transaction()
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			pin := fmt.Sprintf("%04d", 5000+i)
			if _, err := s.Service.Authenticate(t.Context(), begun, authenticator.PIN, logintest.IndividualID, pin); err == nil {
				t.Error("a wrong PIN was right")
			}
		})
	}
	group.Wait()
	if got := len(s.Persons.Attempts()); got != 5 {
		t.Errorf("%d PINs of 50 were looked at, want 5", got)
	}
}

func TestUserRejects(t *testing.T) {
	s := logintest.New(t)
	for name, begun := range map[string]*transaction.Transaction{
		"fapi2-security-profile-final-user-rejects-authentication": s.Transaction(),
		"after the login": logIn(t, s, s.Transaction()).Transaction,
	} {
		t.Run(name, func(t *testing.T) {
			answer := logintest.Answer(t, s.Service.Deny(begun).Location)
			if answer.Get("error") != "access_denied" || answer.Get("state") != "st" || answer.Has("code") {
				t.Errorf("answer %v", answer)
			}
		})
	}
}

func TestAnotherPersonThanAskedFor(t *testing.T) {
	s := logintest.New(t)
	s.Consent(t, "openid", "profile", "email")
	begun := s.Transaction()
	begun.Subject = s.Keys.Subject("", logintest.Person)
	if answer := logintest.Answer(t, logIn(t, s, begun).Location); !answer.Has("code") {
		t.Errorf("the person asked for: %v", answer)
	}
	outcome, err := s.Service.Authenticate(t.Context(), begun, authenticator.PIN, logintest.Other, logintest.PIN)
	if err != nil {
		t.Fatal(err)
	}
	if answer := logintest.Answer(t, outcome.Location); answer.Get("error") != "login_required" || outcome.Session == nil {
		t.Errorf("another person: %v, session %v", answer, outcome.Session)
	}
}

// Whatever is away, the answer is a step done or an infrastructure error: never
// a word about the person or the request.
func TestEveryDependencyAway(t *testing.T) {
	returning, first := []string{"openid", "profile", "email"}, []string(nil)
	for _, test := range []struct {
		name     string
		consents []string
		away     func(*logintest.Site) *logintest.Switch
		pushed   string
		works    bool
	}{
		{"a returning person never needs the primary", returning, func(s *logintest.Site) *logintest.Switch { return &s.Grants.Primary }, "", true},
		{"nor the counters", returning, func(s *logintest.Site) *logintest.Switch { return &s.Counters.Switch }, "", true},
		{"nor the marks, unless the request was pushed", returning, func(s *logintest.Site) *logintest.Switch { return &s.Marks.Switch }, "", true},
		{"then the mark must be there", returning, func(s *logintest.Site) *logintest.Switch { return &s.Marks.Switch }, "request-1", false},
		{"consent that cannot be told is not asked for again", returning, func(s *logintest.Site) *logintest.Switch { return &s.Grants.Replica }, "", false},
		{"nobody is known without the authenticator", returning, func(s *logintest.Site) *logintest.Switch { return &s.Persons.Switch }, "", false},
		{"a first consent needs two zones", first, func(s *logintest.Site) *logintest.Switch { return &s.Grants.Primary }, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := logintest.New(t)
			if test.consents != nil {
				s.Consent(t, test.consents...)
			}
			begun := s.Transaction()
			begun.Pushed = test.pushed
			away := test.away(s)
			run := func() (*login.Outcome, error) {
				outcome, err := s.Service.Authenticate(t.Context(), begun, authenticator.PIN, logintest.IndividualID, logintest.PIN)
				if err != nil || outcome.Location != "" {
					return outcome, err
				}
				return s.Service.Allow(t.Context(), outcome.Transaction, []string{"name"}, nil)
			}
			away.SetAway(true)
			for range 8 { // more often than PINs may be wrong
				outcome, err := run()
				if test.works && (err != nil || outcome.Code == "") {
					t.Fatalf("outcome %+v, %v", outcome, err)
				}
				if !test.works && !errors.Is(err, logintest.ErrAway) {
					t.Fatalf("outcome %+v, %v; want an infrastructure error", outcome, err)
				}
			}
			away.SetAway(false)
			if outcome, err := run(); err != nil || outcome.Code == "" {
				t.Errorf("afterwards: %+v, %v", outcome, err)
			}
		})
	}
}
