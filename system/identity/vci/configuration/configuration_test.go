package configuration

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const issuer = "https://id.example.org"

func newSet(t testing.TB) *Set {
	t.Helper()
	set, err := NewSet(issuer, map[string]string{"en": "Issuer"}, DefaultBatch, NationalID(issuer)...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestSetsThatCannotBeIssued(t *testing.T) {
	good := func() *Configuration {
		return &Configuration{ID: "a", Scope: "a", Format: SDJWT, Type: "t", Claims: []Claim{{Source: "s", Name: "n"}}, Life: time.Hour}
	}
	changed := func(change func(*Configuration)) []*Configuration {
		c := good()
		change(c)
		return []*Configuration{c}
	}
	for _, test := range []struct {
		name, want     string
		batch          int
		configurations []*Configuration
	}{
		{"a batch of one", "batch size", 1, []*Configuration{good()}},
		{"nothing", "no credential configuration", 2, nil},
		{"one twice", "twice", 2, []*Configuration{good(), good()}},
		{"no scope", "scope", 2, changed(func(c *Configuration) { c.Scope = "" })},
		{"no life", "life", 2, changed(func(c *Configuration) { c.Life = 0 })},
		{"no claims", "claims", 2, changed(func(c *Configuration) { c.Claims = nil })},
		{"an mdoc without namespace", "namespace", 2, changed(func(c *Configuration) { c.Format = MDoc })},
		{"another format", "not supported", 2, changed(func(c *Configuration) { c.Format = "ldp_vc" })},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := NewSet(issuer, nil, test.batch, test.configurations...); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want it to tell of %q", err, test.want)
			}
		})
	}
}

func TestScopesAskForCredentialsAndOthersAreIgnored(t *testing.T) {
	set := newSet(t)
	got := set.IDs([]string{"openid", "national_id_mdoc", "unknown", "national_id_sd_jwt"})
	if !slices.Equal(got, []string{"national_id_sd_jwt", "national_id_mdoc"}) {
		t.Errorf("got %v", got)
	}
	if len(set.Scopes()) != 4 {
		t.Errorf("scopes %v", set.Scopes())
	}
}

func TestNamesForPages(t *testing.T) {
	set := newSet(t)
	for languages, want := range map[string]string{"nb en": "Nasjonal ID", "fr": "National ID", "": "National ID"} {
		if got := set.Name("national_id_mdoc", strings.Fields(languages)...); got != want {
			t.Errorf("%q: %s, want %s", languages, got, want)
		}
	}
	if got := set.Name("unknown"); got != "unknown" {
		t.Errorf("unknown: %s", got)
	}
}

func TestEveryClaimIsNamedInEveryLanguage(t *testing.T) {
	for _, c := range newSet(t).All() {
		for _, claim := range c.Claims {
			for language := range c.Names {
				if claim.Names[language] == "" {
					t.Errorf("%s: %s has no name in %s", c.ID, claim.Name, language)
				}
			}
		}
	}
}

func TestAuthorizationDetails(t *testing.T) {
	set := newSet(t)
	one := `{"type":"openid_credential","credential_configuration_id":"national_id_mdoc","claims":[{"path":["a"]}]}`
	for _, test := range []struct {
		name, text string
		want       int
	}{
		{"one", "[" + one + "]", 1},
		{"one twice", "[" + one + "," + one + "]", 1},
		{"with this issuer as location", `[{"type":"openid_credential","credential_configuration_id":"national_id_mdoc","locations":["` + issuer + `"]}]`, 1},
		{"with another location", `[{"type":"openid_credential","credential_configuration_id":"national_id_mdoc","locations":["https://x"]}]`, 0},
		{"an unknown credential", `[{"type":"openid_credential","credential_configuration_id":"x"}]`, 0},
		{"an unknown type", `[{"type":"x"}]`, 0},
		{"a member twice", `[{"type":"openid_credential","type":"openid_credential","credential_configuration_id":"national_id_mdoc"}]`, 0},
		{"a member of the wrong type", `[{"type":"openid_credential","credential_configuration_id":1}]`, 0},
		{"none", "[]", 0},
		{"too many", "[" + strings.Repeat(one+",", 16) + one + "]", 0},
		{"an object", one, 0},
		{"no JSON", "x", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, err := set.Requested(test.text); len(got) != test.want || (err == nil) != (test.want > 0) {
				t.Errorf("got %v %v", got, err)
			}
		})
	}
}

func FuzzRequested(f *testing.F) {
	set := newSet(f)
	f.Add(`[{"type":"openid_credential","credential_configuration_id":"national_id_mdoc"}]`)
	f.Fuzz(func(t *testing.T, text string) {
		ids, err := set.Requested(text)
		if err == nil && len(ids) == 0 {
			t.Fatalf("%q asks for nothing and passes", text)
		}
		for _, id := range ids {
			if _, known := set.Get(id); !known {
				t.Fatalf("%q asks for %q, which there is not", text, id)
			}
		}
	})
}
