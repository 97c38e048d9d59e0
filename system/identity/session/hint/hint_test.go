package hint

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"tocsin/system/identity/jws"
)

const issuer = "https://id.example.org"

// verifier takes a token for its claims; "forged" does not verify, "away"
// cannot be told.
type verifier struct{}

var errAway = errors.New("keys are not known")

func (verifier) Verify(token, typ string, claims any) error {
	switch {
	case token == "away":
		return errAway
	case token == "forged" || typ != "JWT":
		return jws.ErrInvalid
	}
	if err := json.Unmarshal([]byte(token), claims); err != nil {
		return jws.ErrInvalid
	}
	return nil
}

func TestRead(t *testing.T) {
	for _, test := range []struct {
		name, token string
		want        *Hint
		err         error
	}{
		{"an expired ID token", `{"iss":"https://id.example.org","aud":"c","sub":"s","sid":"x","exp":1}`, &Hint{Subject: "s", SessionID: "x", ClientID: "c"}, nil},
		{"one with an array as audience", `{"iss":"https://id.example.org","aud":["c"],"sub":"s"}`, &Hint{Subject: "s", ClientID: "c"}, nil},
		{"one with an authorized party", `{"iss":"https://id.example.org","aud":["a","c"],"azp":"c","sub":"s"}`, &Hint{Subject: "s", ClientID: "c"}, nil},
		{"an authorized party that is no audience", `{"iss":"https://id.example.org","aud":["a"],"azp":"c","sub":"s"}`, &Hint{Subject: "s", ClientID: "a"}, nil},
		{"another issuer", `{"iss":"https://evil.example","aud":"c","sub":"s"}`, nil, ErrNone},
		{"no subject", `{"iss":"https://id.example.org","aud":"c"}`, nil, ErrNone},
		{"no audience", `{"iss":"https://id.example.org","sub":"s"}`, nil, ErrNone},
		{"an audience that is a number", `{"iss":"https://id.example.org","aud":1,"sub":"s"}`, nil, ErrNone},
		{"a forged one", "forged", nil, ErrNone},
		{"an oversized one", strings.Repeat("x", maxHint+1), nil, ErrNone},
		{"one that cannot be told", "away", nil, errAway},
	} {
		if got, err := Read(verifier{}, issuer, test.token); !errors.Is(err, test.err) || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v, %v", test.name, got, err)
		}
	}
}
