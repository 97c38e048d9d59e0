package session

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"tocsin/system/identity/secret"
)

var at = time.Date(2026, 9, 1, 12, 0, 0, 500, time.UTC)

func TestSessionSatisfies(t *testing.T) {
	s := New("p", at, "pin", []string{"pin"}, time.Hour)
	for _, test := range []struct {
		name   string
		later  time.Duration
		maxAge int
		acrs   []string
		want   bool
	}{
		{"a request that asks for nothing", 59 * time.Minute, -1, nil, true},
		{"nothing after it has expired", time.Hour, -1, nil, false},
		{"oidcc-max-age-1", 2 * time.Second, 1, nil, false},
		{"oidcc-max-age-10000", 10 * time.Second, 10000, nil, true},
		{"max_age=0 asks for a login now", time.Second, 0, nil, false},
		{"one of several contexts", 0, -1, []string{"otp", "pin"}, true},
		{"no other context", 0, -1, []string{"otp"}, false},
	} {
		if got := s.Satisfies(at.Add(test.later), test.maxAge, test.acrs); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
	if s.AuthTime.Nanosecond() != 0 {
		t.Errorf("auth_time %s has fractions: what a token says and what is compared would differ", s.AuthTime)
	}
}

func TestSessionCookie(t *testing.T) {
	keys, err := secret.Derive([]byte(strings.Repeat("pepper", 8)))
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := NewSealer(keys)
	if err != nil {
		t.Fatal(err)
	}
	want := New("p", at, "acr", []string{"pin"}, time.Hour)
	sealed, err := sealer.Seal(want)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		cookie string
		want   *Session
	}{
		"the sealed session": {sealed, want},
		"none":               {"", nil},
		"a changed one":      {"A" + sealed[1:], nil},
		"an oversized one":   {strings.Repeat("A", maxSealed+1), nil},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if test.cookie != "" {
			r.AddCookie(&http.Cookie{Name: Cookie, Value: test.cookie})
		}
		if got := sealer.Of(r); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if c := Forget(); c.MaxAge >= 0 || c.Name != Cookie || c.Path != "/" || !c.Secure {
		t.Errorf("forgetting cookie %+v", c)
	}
}
