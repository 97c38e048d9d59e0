package oidc

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/form"
	"tocsin/probes/journey"
	"tocsin/probes/login"
	"tocsin/probes/login/pages"
)

// newLogout makes the probe that logs in, logs out, and sees that nobody is
// logged in any more (OpenID Connect RP-Initiated Logout 1.0).
func newLogout(cfg Config) (*journey.Probe, error) {
	return cfg.featured("logout", target.FeatureLogout,
		"logs out, and sees that the session at the provider has ended",
		func(ctx context.Context, s *Session) error { return s.walkLogout(ctx) })
}

func (s *Session) walkLogout(ctx context.Context) error {
	if err := s.Enter(ctx, Request{}); err != nil {
		return err
	}
	hint, loggedIn := s.Tokens.IDToken, false
	if err := s.Take(ctx, "session", func(ctx context.Context) (err error) {
		loggedIn, err = s.loggedIn(ctx)
		return err
	}); err != nil {
		return err
	}
	if err := s.Take(ctx, "logout", func(ctx context.Context) error { return s.logOut(ctx, hint) }); err != nil {
		return err
	}
	if !loggedIn {
		s.Remark("the provider keeps no session in this browser, so only its answer was seen")
		return nil
	}
	return s.Take(ctx, "logged-out", func(ctx context.Context) error {
		still, err := s.loggedIn(ctx)
		if err == nil && still {
			return exchange.Brokenf(verdict.Accepted, "after the logout the provider still answers for the person without asking")
		}
		return err
	})
}

// loggedIn asks the provider, without showing a page, whether somebody is
// logged in (OpenID Connect Core, section 3.1.2.1, prompt=none).
func (s *Session) loggedIn(ctx context.Context) (bool, error) {
	if err := s.prepare(Request{Prompt: "none"}); err != nil {
		return false, err
	}
	address, err := s.address()
	if err != nil {
		return false, err
	}
	reply, err := s.Get(ctx, address.String(), journey.AcceptHTML)
	if err != nil {
		return false, err
	}
	_, landed, err := pages.Follow(ctx, s.Run, reply, s.answerable(address).Answers)
	if err != nil {
		return false, err
	}
	if landed == nil {
		return false, exchange.Brokenf(verdict.Content, "the provider shows a page though the request says prompt=none")
	}
	s.flow.landed = landed
	switch landed.Query().Get("error") {
	case "login_required", "interaction_required", "account_selection_required":
		return false, nil
	case "consent_required":
		// Somebody is logged in, or there would be nobody to ask.
		return true, nil
	}
	return true, s.receiveCode(ctx)
}

// logOut sends the browser to the end of its session, and confirms that where
// the provider asks (section 2).
func (s *Session) logOut(ctx context.Context, hint string) error {
	address, err := url.Parse(s.Provider.EndSessionEndpoint)
	if err != nil {
		return exchange.Brokenf(verdict.Content, "the end_session_endpoint is no URL: %v", err)
	}
	state, query := rand.Text(), address.Query()
	query.Set("id_token_hint", hint)
	query.Set("client_id", s.cfg.Client.ID)
	back := s.cfg.Client.PostLogoutRedirectURI
	if back != "" {
		query.Set("post_logout_redirect_uri", back)
		query.Set("state", state)
	}
	address.RawQuery = query.Encode()
	reply, err := s.Get(ctx, address.String(), journey.AcceptHTML)
	if err != nil {
		return err
	}
	answers := login.Request{RedirectURI: back}.Answers
	page, landed, err := pages.Follow(ctx, s.Run, reply, answers)
	if err == nil && page != nil {
		page, landed, err = s.confirm(ctx, page, answers)
	}
	switch {
	case err != nil:
		return err
	case landed != nil && landed.Query().Get("state") != state:
		return exchange.Brokenf(verdict.Claims, "wrong state after the logout: got %q", shorten(landed.Query().Get("state")))
	case landed == nil && back != "":
		return exchange.Brokenf(verdict.Redirect, "the logout ended at %s, not at the registered %s", page.URL.Path, back)
	}
	return nil
}

// confirm says yes on a page that asks whether to log out. A page that asks
// nothing is left as it is.
func (s *Session) confirm(ctx context.Context, page *exchange.Reply, answers func(*url.URL) bool) (*exchange.Reply, *url.URL, error) {
	parsed, err := form.Parse(page.URL, page.Body)
	if err != nil {
		return nil, nil, exchange.Brokenf(verdict.Content, "the page at %s cannot be read: %v", page.URL.Path, err)
	}
	submission, asks := parsed.Consent()
	if !asks {
		return page, nil, nil
	}
	reply, err := s.Submit(ctx, submission.Method, submission.Action, submission.Values)
	if err != nil {
		return nil, nil, err
	}
	if reply.Status == http.StatusNoContent {
		return reply, nil, nil
	}
	return pages.Follow(ctx, s.Run, reply, answers)
}
