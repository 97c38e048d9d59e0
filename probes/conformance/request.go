package conformance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/oidc"
)

// requestChecks are authorization requests that must lead to no code.
func requestChecks() []check {
	return []check{
		{name: "redirect-uri-unregistered", module: "oidcc-ensure-registered-redirect-uri", look: asking((*session).unregistered)},
		{name: "response-type-missing", module: "oidcc-response-type-missing", look: requesting("a request without response_type", url.Values{"response_type": nil})},
		{name: "response-type-unknown", module: "fapi2-security-profile-final-ensure-response-type-token-fails", look: requesting("a request with an unknown response_type", url.Values{"response_type": {"tocsin"}})},
		{name: "request-object-unsigned", module: "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported", skip: unsignedAllowed, look: asking((*session).unsignedRequest)},
	}
}

// turnedAway makes an authorization request that the provider should refuse. It
// reports true when it was refused, by a page or by an error at the redirect
// URI; else the session has a code.
func (s *session) turnedAway(ctx context.Context, request oidc.Request) (bool, error) {
	made, err := s.Authorize(ctx, request)
	if err != nil {
		return refusedByPage(err)
	}
	answer := made.Landed.Query()
	switch code := answer.Get("error"); {
	case code == "":
		return false, s.ReceiveCode(ctx)
	case troubled(code):
		return false, exchange.Brokenf(verdict.Unavailable, "the provider answered the request with %s", code)
	}
	return true, s.checkError(made, answer)
}

// checkError wants an error response to be as one (RFC 6749, section 4.1.2.1;
// RFC 9207, section 2).
func (s *session) checkError(made oidc.Authorization, answer url.Values) error {
	if got := answer.Get("state"); got != made.State {
		return exchange.Brokenf(verdict.Claims, "the error response %q has another state than its request (RFC 6749, section 4.1.2.1)", answer.Get("error"))
	}
	issuer, sent := answer.Get("iss"), answer.Has("iss")
	if sent && issuer != s.StatedIssuer() || !sent && s.Provider.IssuerInResponse {
		return exchange.Brokenf(verdict.Claims, "wrong iss in the error response %q: got %q, expected %q (RFC 9207, section 2)", answer.Get("error"), issuer, s.StatedIssuer())
	}
	return nil
}

// refusedByPage reports whether the way to a code ended at a page that says no.
// Any other failure is none of the provider's rules.
func refusedByPage(err error) (bool, error) {
	var failure *exchange.Failure
	if !errors.As(err, &failure) {
		return false, err
	}
	switch failure.Reason {
	case verdict.Status, verdict.ProtocolError:
		return true, nil
	case verdict.LoginForm:
		// A page that asks for nothing, neither a login nor a consent, has
		// refused, though some say so with the status 200.
		if failure.Part == "login-form" {
			return true, nil
		}
	}
	return false, err
}

// requesting is a check of a request that is wrong in some parameters.
func requesting(what string, wrong url.Values) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error {
		extra := url.Values{"prompt": nil}
		for name, values := range wrong {
			extra[name] = values
		}
		turned, err := s.turnedAway(ctx, oidc.Request{Extra: extra})
		if err == nil && !turned {
			err = exchange.Brokenf(verdict.Accepted, "%s was accepted: it led to a code", what)
		}
		return err
	}
}

// unregistered names a redirect URI that nobody has registered. The person may
// be shown an error, and is sent there in no case (RFC 6749, section 4.1.2.4):
// not even with an error, because that makes the provider lend its name to
// whoever wants to send people somewhere (RFC 9700, section 4.11.2).
func (s *session) unregistered(ctx context.Context) error {
	wrong, err := elsewhere(s.Config().Client.RedirectURI)
	if err != nil {
		return exchange.Ownf(verdict.OwnConfig, err, "the redirect URI cannot be changed: %v", err)
	}
	made, err := s.Authorize(ctx, oidc.Request{Extra: url.Values{"prompt": nil, "redirect_uri": {wrong}}}, wrong)
	if err != nil {
		_, err = refusedByPage(err)
		return err
	}
	answer := made.Landed.Query()
	if strings.HasPrefix(made.Landed.String(), wrong) {
		return exchange.Brokenf(verdict.Accepted, "the provider sent the person to a redirect URI that is not registered%s", withCode(answer))
	}
	if answer.Has("code") {
		return exchange.Brokenf(verdict.Accepted, "a redirect_uri that is not registered was ignored: the code came to the registered one")
	}
	return nil
}

// elsewhere is another redirect URI below the same host: providers that compare
// hosts or prefixes alone take it for registered.
func elsewhere(redirectURI string) (string, error) {
	parsed, err := url.Parse(redirectURI)
	if err != nil {
		return "", fmt.Errorf("parse redirect URI: %w", err)
	}
	parsed.Path, parsed.RawPath, parsed.RawQuery = strings.TrimSuffix(parsed.Path, "/")+"/"+strings.ToLower(rand.Text()), "", ""
	return parsed.String(), nil
}

func withCode(answer url.Values) string {
	if answer.Has("code") {
		return ", with a code"
	}
	return ""
}

// unsignedAllowed: Core, section 6.1, leaves it to the provider.
func unsignedAllowed(s *session) string {
	const name = "request_object_signing_alg_values_supported"
	switch {
	case !s.document.is("request_parameter_supported"):
		return "the provider does not announce request objects (request_parameter_supported)"
	case !s.document.has(name):
		return "the provider does not say how request objects must be signed (" + name + ")"
	case slices.Contains(s.document.list(name), "none"):
		return "the provider announces that request objects need no signature"
	}
	return ""
}

// unsignedRequest puts the request into an object that nobody has signed (RFC
// 9101, section 6.2).
func (s *session) unsignedRequest(ctx context.Context) error {
	client := s.Config().Client
	object, err := notSigned(map[string]any{
		"iss": client.ID, "aud": s.StatedIssuer(), "client_id": client.ID, "response_type": "code", "redirect_uri": client.RedirectURI,
		"scope": strings.Join(client.Scopes, " "), "exp": s.Now().Add(time.Minute).Unix(),
	})
	if err != nil {
		return exchange.Ownf(verdict.Internal, err, "the probe cannot make a request object: %v", err)
	}
	return requesting("a request object that is not signed (alg none)", url.Values{"request": {object}})(ctx, s)
}
