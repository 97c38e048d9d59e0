package seed_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/seed"
)

// good is a seed with a client of each kind.
const good = `{"clients": [
	{
		"client_id": "bank", "client_name": "Bank", "client_name_by_language": {"fr": "Banque"},
		"redirect_uris": ["https://bank.example/cb"], "scopes": ["openid"], "grant_types": ["authorization_code", "refresh_token"],
		"jwks": {"keys": [{"kty": "EC", "crv": "P-256", "kid": "1",
			"x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]},
		"subject_type": "pairwise", "require_pushed_authorization_requests": true, "dpop_bound_access_tokens": true, "default_max_age": 60
	},
	{
		"client_id": "wallet", "client_name": "Wallet", "redirect_uris": ["org.wallet:/cb"], "scopes": [],
		"grant_types": ["authorization_code"], "token_endpoint_auth_method": "none", "jwks": {"keys": []}
	}
]}`

func TestParse(t *testing.T) {
	file, err := seed.Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	bank := file.Clients[0]
	if bank.ID != "bank" || !bank.RequirePAR || *bank.DefaultMaxAge != 60 || len(bank.Keys.Keys) != 1 || bank.SubjectType != clients.SubjectPairwise {
		t.Errorf("%+v", bank)
	}
	if !file.Clients[1].IsPublic() {
		t.Error("the wallet is no public client")
	}
}

func TestParseRefuses(t *testing.T) {
	for _, test := range []struct{ name, old, new, want string }{
		{"what is no JSON", `{"clients"`, `{clients`, "parse seed"},
		{"a member that is not known", `"subject_type"`, `"subject_typ"`, "subject_typ"},
		{"persons, who are not the provider's", `{"clients"`, `{"persons": [], "clients"`, "persons"},
		{"more than one object", `]}`, `]} {}`, "parse seed"},
		{"a client without id", `"bank"`, `""`, "client_id"},
		{"one id twice", `"client_id": "wallet"`, `"client_id": "bank"`, "is that of clients[0]"},
		{"a redirect in the clear", `https://bank.example/cb`, `http://bank.example/cb`, "redirect_uris"},
		{"a grant type that is not known", `"refresh_token"`, `"password"`, "grant_types"},
		{"a private key", `"kid": "1"`, `"kid": "1", "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"`, "jwks"},
		{"a client that could not authenticate", `"token_endpoint_auth_method": "none"`, `"token_endpoint_auth_method": "private_key_jwt"`, "jwks"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(good, test.old, test.new, 1)
			if text == good {
				t.Fatal("nothing was changed")
			}
			if _, err := seed.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want something about %s", err, test.want)
			}
		})
	}
}

type sink struct {
	got []clients.Client
	err error
}

func (s *sink) PutClients(_ context.Context, all []clients.Client) error {
	s.got = all
	return s.err
}

func TestApply(t *testing.T) {
	file, err := seed.Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	store := &sink{}
	if err := seed.Apply(t.Context(), file, store); err != nil || len(store.got) != 2 {
		t.Errorf("%d clients, %v", len(store.got), err)
	}
	store.err = errors.New("away")
	if err := seed.Apply(t.Context(), file, store); !errors.Is(err, store.err) {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"clients":[{}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := seed.Parse(text)
		if err == nil && file == nil {
			t.Error("neither a file nor an error")
		}
	})
}
