package identity_test

import (
	"net/http"
	"testing"
)

// BenchmarkTokenResponse is client_credentials through gateway and provider:
// client authentication, replay mark, one signature.
func BenchmarkTokenResponse(b *testing.B) {
	browser := newBrowser(b)
	for b.Loop() {
		if _, answer := clientToken(b, browser); answer.status != http.StatusOK {
			b.Fatal(answer.body)
		}
	}
}

// BenchmarkLogin is a whole login with consent, from authorize to tokens.
func BenchmarkLogin(b *testing.B) {
	browser := newBrowser(b)
	a := newAttempt(b, shared.issuer, "profile")
	for b.Loop() {
		if _, err := a.exchange(a.logIn(b, browser, "2000000100")); err != nil {
			b.Fatal(err)
		}
	}
}
