package enroll_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tocsin/internal/target"
	"tocsin/probes/enroll"
	"tocsin/probes/oidc"
)

func announced() oidc.Metadata {
	return oidc.Metadata{
		Issuer: "https://id.example.org", AuthorizationEndpoint: "https://id.example.org/authorize", TokenEndpoint: "https://id.example.org/token",
		JWKSURI: "https://id.example.org/jwks", UserinfoEndpoint: "https://id.example.org/userinfo", IntrospectionEndpoint: "https://id.example.org/introspect",
		Scopes: []string{"openid", "profile", "offline_access"}, GrantTypes: []string{"authorization_code", "refresh_token"},
		AuthMethods: []string{"client_secret_post", "private_key_jwt", "none"},
	}
}

func person() enroll.Client {
	return enroll.Client{ID: "tocsin", Secret: "s3cret", RedirectURI: "https://client.invalid/callback", Username: "probe", Password: "pa55"}
}

func TestTheWayOfAuthenticationFollowsFromWhatBothSidesHave(t *testing.T) {
	for name, tc := range map[string]struct {
		announced   []string
		secret, key string
		auth, says  string
	}{
		"basic, where nothing is announced":       {nil, "s", "", target.AuthClientSecretBasic, ""},
		"basic before post":                       {[]string{"client_secret_post", "client_secret_basic"}, "s", "", target.AuthClientSecretBasic, ""},
		"post, where that is all":                 {[]string{"client_secret_post"}, "s", "", target.AuthClientSecretPost, ""},
		"a key":                                   {[]string{"client_secret_basic", "private_key_jwt"}, "", "key", target.AuthPrivateKeyJWT, ""},
		"none, without a secret":                  {[]string{"none"}, "", "", target.AuthNone, ""},
		"a secret where keys are wanted":          {[]string{"private_key_jwt"}, "s", "", "", "give --key-file"},
		"a key where secrets are wanted":          {[]string{"client_secret_basic"}, "", "key", "", "give --client-secret"},
		"a secret where clients are public":       {[]string{"none"}, "s", "", "", "leave --client-secret and --key-file out"},
		"a secret where certificates are wanted":  {[]string{"tls_client_auth"}, "s", "", "", "none of them is one that Tocsin knows"},
		"nothing where a secret is wanted":        {[]string{"client_secret_basic"}, "", "", "", "no secret and no key"},
		"nothing where nothing at all was stated": {nil, "", "", "", "give --client-secret"},
	} {
		t.Run(name, func(t *testing.T) {
			client, provider := person(), announced()
			client.Secret, client.KeyFile, provider.AuthMethods = tc.secret, tc.key, tc.announced
			enrolled, err := enroll.New(client, provider)
			switch {
			case tc.says != "":
				if err == nil || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("got %v, want %q", err, tc.says)
				}
			case err != nil || enrolled.Auth != tc.auth:
				t.Errorf("got %v, %v", enrolled, err)
			}
		})
	}
}

func TestOnlyWhatTheClientCanUseIsPromised(t *testing.T) {
	public := person()
	public.Secret = ""
	enrolled, err := enroll.New(public, announced())
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(enrolled.Features, target.FeatureIntrospection) || !strings.Contains(strings.Join(enrolled.Doubts, "; "), "introspection") {
		t.Errorf("a public client is promised %v; doubts: %v", enrolled.Features, enrolled.Doubts)
	}
	provider := announced()
	provider.Scopes, provider.Issuer = []string{"openid"}, "http://localhost:9000"
	enrolled, err = enroll.New(person(), provider)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(enrolled.Features, target.FeatureRefresh) || !slices.Equal(enrolled.Scopes, []string{"openid"}) {
		t.Errorf("without offline_access and profile: features %v, scopes %v", enrolled.Features, enrolled.Scopes)
	}
	if doubts := strings.Join(enrolled.Doubts, "; "); !strings.Contains(doubts, "offline_access") || !strings.Contains(doubts, "in the clear") {
		t.Errorf("doubts: %s", doubts)
	}
}

func TestTheFileSaysWhatWasGivenHoweverItIsSpelt(t *testing.T) {
	client := person()
	client.ID, client.Username, client.Secret, client.Password = `a: "b" #c`, "no", "{ö'\\", "- yes\ttab"
	enrolled, err := enroll.New(client, announced())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "target.yaml")
	written, err := enrolled.Write(path, false)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := target.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.Client.ID != client.ID || loaded.Accounts.Probe.IndividualID != client.Username || loaded.Client.Auth != target.AuthClientSecretPost ||
		loaded.Name != "id-example-org" || !slices.Equal(loaded.Features, enrolled.Features) {
		t.Errorf("loaded %+v", loaded)
	}
	for file, want := range map[string]string{loaded.Client.SecretFile: client.Secret, loaded.Accounts.Probe.SecretFile: client.Password} {
		if got, err := target.ReadSecret(file); err != nil || got != want {
			t.Errorf("%s holds %q, %v; want %q", file, got, err, want)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(text), client.Secret) || strings.Contains(string(text), client.Password) {
		t.Errorf("the target file holds a secret: %v", err)
	}
	for _, file := range written {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
}

func TestNothingIsReplacedUnlessThatIsWanted(t *testing.T) {
	enrolled, err := enroll.New(person(), announced())
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	path, secret := filepath.Join(folder, "target.yaml"), filepath.Join(folder, "target.client-secret")
	if err := os.WriteFile(secret, []byte("of somebody else"), 0o644); err != nil {
		t.Fatal(err)
	}
	if written, err := enrolled.Write(path, false); !errors.Is(err, enroll.ErrExists) || len(written) > 0 {
		t.Errorf("wrote %v: %v", written, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the target file is there: %v", err)
	}
	if _, err := enrolled.Write(path, true); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(secret); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the replaced secret is readable by others: %v", err)
	}
}
