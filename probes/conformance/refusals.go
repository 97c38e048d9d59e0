package conformance

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/oidc"
)

// refusals logs in as every client does, which is the control: its steps want
// state and iss of the response, nonce, times and parties of the ID token, and
// the sub of userinfo to be right. Then it makes every request that must be
// refused. What ends the session of the browser comes last.
func (s *session) refusals(ctx context.Context) error {
	if err := s.Enter(ctx, oidc.Request{}); err != nil {
		return err
	}
	if s.Provider.UserinfoEndpoint != "" {
		if err := s.Take(ctx, "userinfo", s.ReadUserinfo); err != nil {
			return err
		}
	}
	var err error
	if s.document, err = parse(s.Document.Body); err != nil {
		return err
	}
	s.redeemed = s.Redemption()
	if err := s.run(ctx, loginChecks()); err != nil {
		return err
	}
	return s.conclude()
}

// refused judges the answer of an endpoint that must refuse with one of errors
// (RFC 6749, section 5.2). What was sent is for people, and reason for an
// acceptance. Whoever is in trouble has refused nothing.
func refused(reply *exchange.Reply, what string, reason verdict.Reason, errors ...string) error {
	if failure := inTrouble(reply); failure != nil {
		return failure
	}
	code, text := oidc.ErrorOf(reply)
	switch {
	case reply.Status < http.StatusBadRequest && code == "":
		return exchange.Brokenf(reason, "%s was accepted: the answer was %d", what, reply.Status)
	case reply.Status < http.StatusBadRequest:
		return exchange.Brokenf(verdict.Content, "%s was refused with the error %s, but the status %d: who looks at that alone takes it for a success", what, text, reply.Status)
	case !slices.Contains(errors, code):
		if text == "" {
			text = "no error of the protocol"
		}
		return exchange.Brokenf(verdict.Content, "%s was refused with %d and %s, expected %s", what, reply.Status, text, strings.Join(errors, " or "))
	}
	return nil
}

// inTrouble is the failure of an answer that speaks of the provider's own
// state; nil for any other.
func inTrouble(reply *exchange.Reply) error {
	code, text := oidc.ErrorOf(reply)
	failure := exchange.Unexpected(reply, text)
	if failure.Reason.Transient() {
		return failure
	}
	if troubled(code) {
		failure.Reason = verdict.Unavailable
		return failure
	}
	return nil
}

// troubled are the errors that speak of the provider's own state (RFC 6749,
// section 4.1.2.1).
func troubled(code string) bool { return code == "temporarily_unavailable" || code == "server_error" }

// redeem sends the right token request for a new code, changed.
func (s *session) redeem(ctx context.Context, spoil func(url.Values)) (*exchange.Reply, error) {
	if err := s.NewCode(ctx); err != nil {
		return nil, err
	}
	values := s.Redemption()
	spoil(values)
	return s.Post(ctx, s.Provider.TokenEndpoint, values)
}

// claimsOf reads a token whose signature was verified already.
func claimsOf(token string) (map[string]any, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, exchange.Brokenf(verdict.Content, "the ID token has %d parts", len(parts))
	}
	payload, err := decode(parts[1])
	if err != nil {
		return nil, exchange.Brokenf(verdict.Content, "the ID token cannot be read: %v", err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, exchange.Brokenf(verdict.Content, "the claims of the ID token cannot be read: %v", err)
	}
	return claims, nil
}
