package login_test

import (
	"sync"
	"testing"
	"time"

	"tocsin/system/identity/login/logintest"
	"tocsin/system/identity/transaction"
)

func TestPushedRequestIsCompletedOnce(t *testing.T) {
	s := logintest.New(t)
	s.Consent(t, "openid", "profile", "email")
	visit := func() *transaction.Transaction {
		begun := s.Transaction()
		begun.Pushed = "request-1"
		return begun
	}
	first, second := visit(), visit()
	t.Run("fapi2-security-profile-final-par-ensure-reused-request-uri-prior-to-auth-completion-succeeds", func(t *testing.T) {
		if answer := logintest.Answer(t, logIn(t, s, second).Location); !answer.Has("code") {
			t.Errorf("the second visit: %v", answer)
		}
		if answer := logintest.Answer(t, logIn(t, s, second).Location); !answer.Has("code") {
			t.Errorf("its last step again, after a lost answer: %v", answer)
		}
	})
	t.Run("fapi2-security-profile-final-par-attempt-reuse-request_uri", func(t *testing.T) {
		for _, late := range []*transaction.Transaction{first, visit()} {
			answer := logintest.Answer(t, logIn(t, s, late).Location)
			if answer.Get("error") != "invalid_request_uri" || answer.Has("code") {
				t.Errorf("answer %v", answer)
			}
		}
	})
	if life := s.Marks.Lives()[0]; life < 10*time.Minute+transaction.PushedLife {
		t.Errorf("the mark ends after %s: a login that began just before the request expired may end later", life)
	}
}

func TestPushedRequestInParallelGivesOneCode(t *testing.T) {
	s := logintest.New(t)
	s.Consent(t, "openid", "profile", "email")
	codes := make(chan string, 50)
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			begun := s.Transaction()
			begun.Pushed = "request-1"
			begun.Session = s.Session()
			outcome, err := s.Service.Resume(t.Context(), begun)
			if err != nil {
				t.Error(err)
				return
			}
			if outcome.Code != "" {
				codes <- outcome.Code
			}
		})
	}
	group.Wait()
	if len(codes) != 1 {
		t.Errorf("%d codes for one pushed request", len(codes))
	}
}
