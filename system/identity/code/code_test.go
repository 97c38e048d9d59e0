package code

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"tocsin/system/identity/secret"
)

func sealer(t testing.TB, now *time.Time) *Sealer {
	t.Helper()
	keys, err := secret.Derive([]byte(strings.Repeat("pepper", 8)))
	if err != nil {
		t.Fatal(err)
	}
	made, err := NewSealer(keys, func() time.Time { return *now })
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestCodeCarriesWhatItStandsFor(t *testing.T) {
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	s := sealer(t, &now)
	want := &Code{
		ID: "id", ClientID: "c", RedirectURI: "https://c/cb", Person: "p", Scopes: []string{"openid"}, GrantID: "g",
		Nonce: "n", CodeChallenge: "cc", AuthTime: now, ACR: "acr", AMR: []string{"pin"}, Allowed: []string{"name"},
		Expires: now.Add(time.Minute),
	}
	first, err := s.Seal(want)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Seal(want)
	if err != nil || first != second {
		t.Errorf("one value, two codes: %v", err)
	}
	now = now.Add(time.Minute) // the last moment
	got, err := s.Open(first)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	now = now.Add(time.Nanosecond)
	if _, err := s.Open(first); !errors.Is(err, ErrInvalid) {
		t.Errorf("an expired code: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	s := sealer(f, &now)
	f.Add("")
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := s.Open(text); got != nil || !errors.Is(err, ErrInvalid) {
			t.Errorf("opened %q: %v", text, err)
		}
	})
}
