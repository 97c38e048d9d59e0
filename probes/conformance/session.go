package conformance

import (
	"context"
	"net/url"
	"time"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/oidc"
)

// sessionChecks are about when a person logged in, and whether at all.
func sessionChecks() []check {
	return []check{
		{name: "max-age", module: "oidcc-max-age-10000", look: asking((*session).maxAge)},
		{name: "prompt-none", module: "oidcc-prompt-none-not-logged-in", look: asking((*session).silently)},
	}
}

// longAgo is a max_age that no login of this run can exceed.
const longAgo = "3600"

// maxAge asks for a login that is not too old, and wants to be told how old it
// is (Core, sections 2 and 3.1.2.1).
func (s *session) maxAge(ctx context.Context) error {
	if err := s.LogIn(ctx, oidc.Request{Extra: url.Values{"prompt": nil, "max_age": {longAgo}}}); err != nil {
		return err
	}
	claims, err := claimsOf(s.Tokens.IDToken)
	if err != nil {
		return err
	}
	seconds, ok := claims["auth_time"].(float64)
	if !ok {
		return exchange.Brokenf(verdict.Claims, "the request had max_age, but the ID token does not say when the person logged in (no auth_time; Core, section 2)")
	}
	at, now := time.Unix(int64(seconds), 0), s.Now()
	switch {
	case at.After(now.Add(s.MaxSkew())):
		return s.WrongTime(verdict.Claims, "auth_time of the ID token is in the future")
	case at.Before(now.Add(-time.Hour - s.MaxSkew())):
		return s.WrongTime(verdict.Claims, "auth_time of the ID token is longer ago than the max_age of the request, and this run has logged in since")
	}
	return nil
}

// silently asks, in a browser that was just started, for a login without a page
// (Core, section 3.1.2.1).
func (s *session) silently(ctx context.Context) error {
	s.Restart()
	loggedIn, err := s.LoggedIn(ctx)
	if err == nil && loggedIn {
		return exchange.Brokenf(verdict.Accepted, "a request with prompt=none was answered for a person though nobody is logged in")
	}
	return err
}
