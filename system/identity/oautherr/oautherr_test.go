package oautherr

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRendering(t *testing.T) {
	for _, test := range []struct {
		name   string
		err    error
		status int
		kind   Kind
		retry  string
	}{
		{"a verdict on a grant is 400", New(InvalidGrant, "x"), 400, InvalidGrant, ""},
		{"a wrapped verdict is still one", fmt.Errorf("redeem: %w", New(InvalidGrant, "x")), 400, InvalidGrant, ""},
		{"a client that did not prove itself gets 401", New(InvalidClient, "x"), 401, InvalidClient, ""},
		{"a proof that is not valid is 400 at the authorization server", New(InvalidDPoPProof, "x"), 400, InvalidDPoPProof, ""},
		{"a missing nonce is 400 at the authorization server", New(UseDPoPNonce, "x"), 400, UseDPoPNonce, ""},
		{"a store that is away is no verdict", errors.New("connection refused"), 503, TemporarilyUnavailable, RetryAfter},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			WriteJSON(w, httptest.NewRequest(http.MethodPost, "/token", nil), slog.New(slog.DiscardHandler), test.err)
			var got struct {
				Error Kind `json:"error"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if w.Code != test.status || got.Error != test.kind || w.Header().Get("Retry-After") != test.retry {
				t.Errorf("got %d %s, Retry-After %q", w.Code, got.Error, w.Header().Get("Retry-After"))
			}
			if w.Header().Get("Cache-Control") != "no-store" || strings.Contains(w.Body.String(), "refused") {
				t.Errorf("cached, or tells what broke: %v %s", w.Header(), w.Body)
			}
		})
	}
}

func TestInfrastructureIsNever4xx(t *testing.T) {
	w := httptest.NewRecorder()
	WriteStatus(w, httptest.NewRequest(http.MethodGet, "/userinfo", nil), slog.New(slog.DiscardHandler), errors.New("timeout"), http.StatusUnauthorized)
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("got %d", w.Code)
	}
}

func TestBasicCredentialsAreChallengedInKind(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/token", nil)
	r.SetBasicAuth("c", "secret")
	w := httptest.NewRecorder()
	WriteJSON(w, r, slog.New(slog.DiscardHandler), New(InvalidClient, "x"))
	if challenge := w.Header().Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "Basic ") {
		t.Errorf("got %q", challenge)
	}
}

// FuzzDescription: whatever a request holds, what is quoted of it stays within
// the characters of RFC 6749, 5.2.
func FuzzDescription(f *testing.F) {
	f.Add("a\"b\\c\r\nSet-Cookie: x=\u202e\x00\xff")
	f.Fuzz(func(t *testing.T, quoted string) {
		for _, r := range New(InvalidRequest, "parameter %s", quoted).Description {
			if r < 0x20 || r == '"' || r == '\\' || r > 0x7e {
				t.Errorf("%q in the description", r)
			}
		}
	})
}
