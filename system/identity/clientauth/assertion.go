package clientauth

import (
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/compact"
)

const (
	// skew is how far the clocks of client and provider may be apart.
	skew = 10 * time.Second
	// longest bounds how far away exp may be, and with it how long a mark of
	// use must be kept.
	longest = 5 * time.Minute
	// maxAssertion and maxAudiences bound what is parsed.
	maxAssertion = 8 << 10
	maxAudiences = 4
)

// assertion is what a client says of itself (RFC 7523, 3).
type assertion struct {
	token *compact.Token

	issuer, subject, id        string
	audiences                  []string
	manyAudiences              bool
	expires, notBefore, issued time.Time
}

// Algorithms returns what assertions may be signed with, for metadata. Which of
// them a client may use depends on its registration.
func Algorithms() []string { return append(compact.Algorithms(), compact.RS256) }

// parse reads an assertion without trusting it: its subject says whose key to
// verify it with.
func parse(text string) (*assertion, error) {
	token, err := compact.Parse(text, maxAssertion)
	if err != nil {
		return nil, refuse("client_assertion is no JWT")
	}
	if !slices.Contains(Algorithms(), token.Header.Algorithm) {
		return nil, refuse("client_assertion must be signed with ES256, PS256 or EdDSA")
	}
	read := &assertion{token: token}
	if err := compact.Members(token.Payload, read.take); err != nil {
		return nil, refuse("the claims of client_assertion cannot be read")
	}
	if read.subject == "" || read.issuer != read.subject {
		return nil, refuse("iss and sub of client_assertion must both be the client_id")
	}
	return read, nil
}

func (a *assertion) take(name string, value []byte) (err error) {
	switch name {
	case "iss":
		a.issuer, err = compact.String(value)
	case "sub":
		a.subject, err = compact.String(value)
	case "jti":
		a.id, err = compact.String(value)
	case "aud":
		if a.manyAudiences = value[0] == '['; a.manyAudiences {
			a.audiences, err = compact.Strings(value, maxAudiences)
			break
		}
		var audience string
		audience, err = compact.String(value)
		a.audiences = []string{audience}
	case "exp":
		a.expires, err = compact.Time(value)
	case "nbf":
		a.notBefore, err = compact.Time(value)
	case "iat":
		a.issued, err = compact.Time(value)
	}
	return err
}

// verify checks the signature with the registered keys that it may be of.
func (a *assertion) verify(client *clients.Client) error {
	if client.IsPublic() || client.Inactive {
		return refuse("the client may not authenticate with private_key_jwt")
	}
	if a.token.Header.Algorithm == compact.RS256 && client.FollowsFAPI() {
		return refuse("the client must sign client_assertion with ES256, PS256 or EdDSA") // FAPI 2.0 Security Profile, 5.4.1
	}
	for i := range client.Keys.Keys {
		key := &client.Keys.Keys[i]
		if a.token.Header.KeyID != "" && key.KeyID != a.token.Header.KeyID {
			continue
		}
		if key.Use == "enc" || (key.Algorithm != "" && key.Algorithm != a.token.Header.Algorithm) {
			continue
		}
		if a.verifyWith(key) == nil {
			return nil
		}
	}
	return refuse("client_assertion does not verify with a registered key")
}

// verifyWith takes RS256 from no key but one that was registered for it: the
// same key may not serve two algorithms because a header says so.
func (a *assertion) verifyWith(key *jose.JSONWebKey) error {
	if key.Algorithm == compact.RS256 {
		return a.token.VerifyRS256(key.Key)
	}
	return a.token.Verify(key.Key)
}

// check applies RFC 7523, 3, to a verified assertion that came to path.
func (a *Authenticator) check(made *assertion, client *clients.Client, path string) error {
	now := a.now()
	switch {
	case !a.isAudience(made, client, path):
		return refuse("aud of client_assertion must be %s", a.issuer)
	case made.expires.IsZero():
		return refuse("client_assertion has no exp")
	case now.After(made.expires.Add(skew)):
		return refuse("client_assertion has expired")
	case made.expires.After(now.Add(longest + skew)):
		return refuse("exp of client_assertion is more than %s away", longest)
	case made.notBefore.After(now.Add(skew)):
		return refuse("client_assertion is not valid yet")
	case made.issued.After(now.Add(skew)):
		return refuse("client_assertion was issued in the future")
	case made.id == "" || len(made.id) > maxID:
		return refuse("client_assertion needs a jti of at most %d characters", maxID)
	}
	return nil
}

// isAudience reports whether an assertion is made out to this provider. Clients
// of the FAPI profile name the issuer and nothing else (FAPI 2.0 Security
// Profile, 5.3.2.1, 8); others may use the address of the token endpoint or of
// the endpoint itself (OpenID Connect Core, 9; RFC 9126, 2). Of several
// audiences all must be ours: an assertion that another server takes too could
// come from there.
func (a *Authenticator) isAudience(made *assertion, client *clients.Client, path string) bool {
	if client.RequirePAR {
		return !made.manyAudiences && made.audiences != nil && made.audiences[0] == a.issuer
	}
	for _, audience := range made.audiences {
		if audience != a.issuer && audience != a.issuer+"/token" && audience != a.issuer+path {
			return false
		}
	}
	return len(made.audiences) > 0
}
