package login

import (
	"net/url"
	"slices"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/form"
	"tocsin/probes/otp"
)

// Request is one login that is to be made.
type Request struct {
	// Address is the authorization request (RFC 6749, section 4.1.1), as a
	// browser would open it.
	Address *url.URL
	// RedirectURI is where the client is registered to be answered. It is never
	// fetched.
	RedirectURI string
	// Others are redirect URIs that end the login as well, for requests that
	// name one that is not registered. They are never fetched either.
	Others []string
	// Known is true for a person who has logged in from this browser before:
	// then the provider need not ask who is there.
	Known bool
}

// Answers reports whether address is a redirect URI of the request, whatever
// parameters the provider has added to it.
func (r Request) Answers(address *url.URL) bool {
	return leads(r.RedirectURI, address) || slices.ContainsFunc(r.Others, func(other string) bool { return leads(other, address) })
}

func leads(redirectURI string, address *url.URL) bool {
	registered, err := url.Parse(redirectURI)
	if err != nil || address.Scheme != registered.Scheme || address.Host != registered.Host || address.Path != registered.Path {
		return false
	}
	got := address.Query()
	for name, values := range registered.Query() {
		if got.Get(name) != values[0] {
			return false
		}
	}
	return true
}

// Person is the synthetic person who logs in.
type Person struct {
	ID string
	// SecretFile holds a PIN or password; empty for a person without.
	SecretFile string
	// Method is what the person prefers where there is a choice.
	Method form.Method
	// Codes is where one-time codes come from; nil for a person without.
	Codes *otp.Source
}

// Secret reads the secret of the person. It is read at each login, so that it
// can be changed while Tocsin runs. The error is an *exchange.Failure.
func (p Person) Secret() (string, error) {
	if p.SecretFile == "" {
		return "", exchange.Ownf(verdict.OwnConfig, nil, "the provider asks for a PIN or password, but the target file has no accounts.probe.secret_file")
	}
	secret, err := target.ReadSecret(p.SecretFile)
	if err != nil {
		return "", exchange.Ownf(verdict.OwnConfig, err, "the secret of the synthetic person cannot be used: %v", err)
	}
	return secret, nil
}
