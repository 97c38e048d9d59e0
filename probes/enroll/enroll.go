// Package enroll owns how a provider that nobody has described yet becomes a
// target file: what its discovery document says, which way of authentication
// fits, and how that is written down. It never logs in, and writes secrets only
// into files that their owner alone may read.
package enroll

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"tocsin/internal/target"
	"tocsin/probes/oidc"
)

// Client is what a person knows about the client and the synthetic person.
type Client struct {
	ID, Secret, KeyFile string
	RedirectURI         string
	Username, Password  string
	CAFile              string
	// Name of the target; by default the host of the issuer.
	Name string
}

// Enrolled is a target as it will be written.
type Enrolled struct {
	Client
	Provider oidc.Metadata
	Auth     string
	Scopes   []string
	Features []string
	// Doubts are what a person should look at, as sentences.
	Doubts []string
}

// New decides what the target file will say.
func New(client Client, provider oidc.Metadata) (*Enrolled, error) {
	enrolled := &Enrolled{Client: client, Provider: provider, Scopes: []string{"openid"}, Features: provider.Announced()}
	var err error
	if enrolled.Auth, err = method(client, provider.AuthMethods); err != nil {
		return nil, err
	}
	if slices.Contains(provider.Scopes, "profile") {
		enrolled.Scopes = append(enrolled.Scopes, "profile")
	}
	if enrolled.Name == "" {
		enrolled.Name = nameOf(provider.Issuer)
	}
	if enrolled.Auth == target.AuthNone {
		enrolled.drop(target.FeatureIntrospection, "a public client may not introspect tokens, so introspection is not promised")
	}
	if !slices.Contains(provider.Scopes, "offline_access") {
		enrolled.drop(target.FeatureRefresh, "the provider announces no scope offline_access, so refresh tokens are not promised")
	}
	if strings.HasPrefix(provider.Issuer, "http://") {
		enrolled.Doubts = append(enrolled.Doubts, "the provider is reached in the clear (http): allowed on this machine only")
	}
	return enrolled, nil
}

func (e *Enrolled) drop(feature, why string) {
	if index := slices.Index(e.Features, feature); index >= 0 {
		e.Features = slices.Delete(e.Features, index, index+1)
		e.Doubts = append(e.Doubts, why)
	}
}

// method picks a way of authentication that the provider announces and that the
// person has what it takes for. A provider that announces none means
// client_secret_basic (OpenID Connect Discovery 1.0, section 3).
func method(client Client, announced []string) (string, error) {
	if len(announced) == 0 {
		announced = []string{target.AuthClientSecretBasic}
	}
	var fitting []string
	has := "no secret and no key"
	switch {
	case client.KeyFile != "":
		has, fitting = "a key", []string{target.AuthPrivateKeyJWT}
	case client.Secret != "":
		has, fitting = "a secret", []string{target.AuthClientSecretBasic, target.AuthClientSecretPost}
	default:
		fitting = []string{target.AuthNone}
	}
	for _, candidate := range fitting {
		if slices.Contains(announced, candidate) {
			return candidate, nil
		}
	}
	return "", fmt.Errorf("you have given %s, but the provider authenticates clients by %s only: %s",
		has, strings.Join(announced, ", "), wanted(announced))
}

func wanted(announced []string) string {
	switch {
	case slices.Contains(announced, target.AuthPrivateKeyJWT):
		return "give --key-file"
	case slices.Contains(announced, target.AuthClientSecretBasic), slices.Contains(announced, target.AuthClientSecretPost):
		return "give --client-secret"
	case slices.Contains(announced, target.AuthNone):
		return "leave --client-secret and --key-file out"
	}
	return "none of them is one that Tocsin knows"
}

// nameOf makes a name for folders and labels of the host of an address.
func nameOf(issuer string) string {
	parsed, err := url.Parse(issuer)
	if err != nil || parsed.Hostname() == "" {
		return "target"
	}
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(parsed.Hostname()))
	return name[:min(len(name), 64)]
}
