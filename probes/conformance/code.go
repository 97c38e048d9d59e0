package conformance

import (
	"context"
	"crypto/rand"
	"net/url"
	"slices"

	"tocsin/internal/verdict"
	"tocsin/probes/oidc"
)

// codeChecks redeem new codes wrongly.
func codeChecks() []check {
	return []check{
		{name: "pkce-verifier-wrong", module: "fapi2-security-profile-final-incorrect-pkce-code-verifier-rejected", skip: withoutPKCE, look: redeeming(
			"a code with a wrong code_verifier", func(v url.Values) { v.Set("code_verifier", rand.Text()+rand.Text()) }, "invalid_grant")},
		{name: "pkce-verifier-missing", module: "fapi2-security-profile-final-ensure-pkce-code-verifier-required", skip: withoutPKCE, look: redeeming(
			"a code without its code_verifier", func(v url.Values) { v.Del("code_verifier") }, "invalid_grant", "invalid_request")},
		{name: "pkce-downgrade", module: "fapi2-security-profile-final-par-ensure-pkce-required", skip: withoutPKCE, look: asking((*session).downgrade)},
		{name: "pkce-plain", module: "fapi2-security-profile-final-par-plain-pkce-rejected", skip: plainAnnounced, look: asking((*session).plain)},
		{name: "redirect-uri-mismatch", module: "oidcc-ensure-registered-redirect-uri", look: redeeming(
			"a code with another redirect_uri", func(v url.Values) { v.Set("redirect_uri", v.Get("redirect_uri")+"/other") }, "invalid_grant", "invalid_request")},
		{name: "code-of-another-client", module: "fapi2-security-profile-final-ensure-authorization-code-is-bound-to-client", skip: alone, look: asking((*session).steal)},
	}
}

// redeeming is a check that redeems a new code, spoilt.
func redeeming(what string, spoil func(url.Values), errors ...string) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error {
		reply, err := s.redeem(ctx, spoil)
		if err != nil {
			return err
		}
		return refused(reply, what, verdict.Accepted, errors...)
	}
}

// withoutPKCE: what clients send is ignored by a provider that does not know
// it, as RFC 6749, section 3.1, says of unknown parameters.
func withoutPKCE(s *session) string {
	if len(s.document.list("code_challenge_methods_supported")) == 0 {
		return "the provider does not announce PKCE (code_challenge_methods_supported)"
	}
	return ""
}

func plainAnnounced(s *session) string {
	if why := withoutPKCE(s); why != "" {
		return why
	}
	if slices.Contains(s.document.list("code_challenge_methods_supported"), "plain") {
		return "the provider announces plain"
	}
	return ""
}

// downgrade takes the challenge out of the authorization request, as an
// attacker would who wants to inject a code, and redeems with a verifier (RFC
// 9700, section 4.8.2).
func (s *session) downgrade(ctx context.Context) error {
	turned, err := s.turnedAway(ctx, oidc.Request{Extra: url.Values{"prompt": nil, "code_challenge": nil, "code_challenge_method": nil}})
	if err != nil || turned {
		return err
	}
	reply, err := s.Post(ctx, s.Provider.TokenEndpoint, s.Redemption())
	if err != nil {
		return err
	}
	return refused(reply, "a code_verifier for a request that had no code_challenge", verdict.Accepted, "invalid_grant", "invalid_request")
}

// plain announces its verifier in the clear (RFC 7636, section 4.4.1).
func (s *session) plain(ctx context.Context) error {
	verifier := rand.Text() + rand.Text()
	turned, err := s.turnedAway(ctx, oidc.Request{Extra: url.Values{"prompt": nil, "code_challenge": {verifier}, "code_challenge_method": {"plain"}}})
	if err != nil || turned {
		return err
	}
	values := s.Redemption()
	values.Set("code_verifier", verifier)
	reply, err := s.Post(ctx, s.Provider.TokenEndpoint, values)
	if err != nil {
		return err
	}
	return refused(reply, "the code_challenge_method plain, which the provider does not announce,", verdict.Accepted, "invalid_grant", "invalid_request")
}

func alone(s *session) string {
	if client := s.Config().Service; client.ID == "" || client.ID == s.Config().Client.ID {
		return "the target file has no second client (service_client)"
	}
	return ""
}

// steal redeems a code as another client, which proves itself rightly (RFC
// 6749, section 4.1.3).
func (s *session) steal(ctx context.Context) error {
	if err := s.NewCode(ctx); err != nil {
		return err
	}
	reply, err := s.PostAs(ctx, s.Config().Service.Credentials(), s.Provider.TokenEndpoint, s.Redemption())
	if err != nil {
		return err
	}
	return refused(reply, "the code of another client", verdict.Accepted, "invalid_grant", "unauthorized_client")
}
