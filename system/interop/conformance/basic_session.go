package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tocsin/system/interop/browser"
)

func asSeconds(n int) time.Duration { return time.Duration(n) * time.Second }

// promptLogin must ask again although the person has just logged in.
func promptLogin(ctx context.Context, p *party) error {
	first, err := p.enter(ctx)
	if err != nil {
		return err
	}
	if err := p.pause(ctx, asSeconds(1)); err != nil { // auth_time counts in seconds
		return err
	}
	second, err := p.enter(ctx, with("prompt", "login"))
	if err != nil {
		return err
	}
	return askedAgain(first, second)
}

func askedAgain(first, second *tokens) error {
	if !second.visit.AskedLogin {
		return errors.New("the second request did not ask for a login")
	}
	if first.subject() != second.subject() {
		return fmt.Errorf("subject %q and then %q", first.subject(), second.subject())
	}
	if second.id["auth_time"] != nil && second.authTime() <= first.authTime() {
		return fmt.Errorf("auth_time %d and then %d", first.authTime(), second.authTime())
	}
	return nil
}

func promptNoneNotLoggedIn(ctx context.Context, p *party) error {
	r := p.request(with("prompt", "none"))
	page, err := p.begin(ctx, r)
	if err != nil {
		return err
	}
	return p.silentRefusal(r, page)
}

// silentRefusal checks that page sends the browser back because a login is
// needed (OpenID Connect Core, 3.1.2.6).
func (p *party) silentRefusal(r *request, page *browser.Page) error {
	got, err := p.callback(r, &browser.Visit{Page: page})
	if err != nil {
		return err
	}
	switch kind := got.Get("error"); kind {
	case "login_required", "interaction_required", "consent_required", "account_selection_required":
		return nil
	default:
		return fmt.Errorf("error %q, want login_required or its like", kind)
	}
}

func promptNoneLoggedIn(ctx context.Context, p *party) error {
	first, err := p.enter(ctx)
	if err != nil {
		return err
	}
	return p.silently(ctx, first, p.request(with("prompt", "none")))
}

// silently checks that r is granted without any page, for the login of first.
func (p *party) silently(ctx context.Context, first *tokens, r *request) error {
	second, err := p.finish(ctx, r)
	if err != nil {
		return err
	}
	if second.visit.AskedLogin || second.visit.AskedConsent {
		return errors.New("a page was shown")
	}
	if first.subject() != second.subject() {
		return fmt.Errorf("subject %q and then %q", first.subject(), second.subject())
	}
	if first.id["auth_time"] != nil && second.id["auth_time"] != nil && first.authTime() != second.authTime() {
		return fmt.Errorf("auth_time %d and then %d for one login", first.authTime(), second.authTime())
	}
	return nil
}

func idTokenHint(ctx context.Context, p *party) error {
	first, err := p.enter(ctx)
	if err != nil {
		return err
	}
	return p.silently(ctx, first, p.request(with("prompt", "none"), with("id_token_hint", first.raw)))
}

func maxAge1(ctx context.Context, p *party) error {
	first, err := p.enter(ctx)
	if err != nil {
		return err
	}
	if err := p.pause(ctx, asSeconds(2)); err != nil { // longer than max_age however seconds are cut
		return err
	}
	second, err := p.enter(ctx, with("max_age", "1"))
	if err != nil {
		return err
	}
	if second.id["auth_time"] == nil { // OpenID Connect Core, 2
		return errors.New("no auth_time though max_age was asked for")
	}
	return askedAgain(first, second)
}

func maxAge10000(ctx context.Context, p *party) error {
	first, err := p.enter(ctx, with("max_age", "15000"))
	if err != nil {
		return err
	}
	if first.id["auth_time"] == nil {
		return errors.New("no auth_time though max_age was asked for")
	}
	return p.silently(ctx, first, p.request(with("max_age", "10000")))
}

// requestURI passes a request_uri that points at an unsigned request object.
func requestURI(ctx context.Context, p *party) error {
	kinds := []string{"request_uri_not_supported"}
	if p.meta["request_uri_parameter_supported"] == false {
		// Then only the provider's own references are known (RFC 9126, 4).
		kinds = append(kinds, "invalid_request_uri", "invalid_request")
	}
	r := p.request(with("request_uri", p.client.RedirectURI+"/request.jwt"))
	return p.denied(ctx, r, kinds...)
}

// requestObject passes an unsigned request object by value.
func requestObject(ctx context.Context, p *party) error {
	r := p.request()
	object, err := p.object(r, p.client.RedirectURI)
	if err != nil {
		return err
	}
	r.values.Set("request", object)
	return p.grantedOrDenied(ctx, r, "request_not_supported")
}

// object is r as an unsigned request object (OpenID Connect Core, 6.1).
func (p *party) object(r *request, redirectURI string) (string, error) {
	claims := members{"iss": p.client.ID, "aud": p.target.Issuer}
	for name, values := range r.values {
		claims[name] = values[0]
	}
	claims["redirect_uri"] = redirectURI
	return compact(members{"alg": "none"}, claims, p.client.Key)
}

// grantedOrDenied checks that r either works wholly or is refused with kind.
func (p *party) grantedOrDenied(ctx context.Context, r *request, kind string) error {
	page, err := p.begin(ctx, r)
	if err != nil {
		return err
	}
	if page.With("pin") == nil {
		return refusedPage(page, kind)
	}
	visit, err := p.browser.LogIn(ctx, page, p.person, browser.Allow)
	if err != nil {
		return err
	}
	_, err = p.collect(ctx, r, visit)
	return err
}

// requestObjectWithRedirectURI puts the registered redirect URI in the request
// object and another outside.
func requestObjectWithRedirectURI(ctx context.Context, p *party) error {
	r := p.request()
	object, err := p.object(r, p.client.RedirectURI)
	if err != nil {
		return err
	}
	r.values.Set("request", object)
	r.values.Set("redirect_uri", p.client.RedirectURI+"/outside")
	return p.grantedOrDenied(ctx, r, "request_not_supported")
}

func refreshToken(ctx context.Context, p *party) error {
	first, err := p.enter(ctx)
	if err != nil {
		return err
	}
	if first.refresh == "" {
		return errors.New("no refresh token for a client that is registered for them")
	}
	second, err := p.refreshed(ctx, first)
	if err != nil {
		return err
	}
	if second.refresh == "" {
		second.refresh = first.refresh
	}
	if _, err := p.refreshed(ctx, second); err != nil {
		return fmt.Errorf("second refresh: %w", err)
	}
	thief := p.as(p.target.Second)
	got, err := thief.refresh(ctx, second.refresh)
	if err != nil {
		return err
	}
	if err := got.refused("invalid_grant"); err != nil {
		return fmt.Errorf("refresh token of another client: %w", err)
	}
	return nil
}

// refreshed uses a refresh token and holds the new tokens to OpenID Connect
// Core, 12.2.
func (p *party) refreshed(ctx context.Context, first *tokens) (*tokens, error) {
	got, err := p.refresh(ctx, first.refresh)
	if err != nil {
		return nil, err
	}
	nonce := ""
	if id, err := idNonce(got); err == nil {
		nonce = id // SHOULD NOT be there; if it is, it must be the first one's
	}
	second, err := p.tokens(ctx, got, nonce)
	if err != nil {
		return nil, fmt.Errorf("refresh: %w", err)
	}
	if second.raw == "" {
		second.id = first.id
	}
	for _, name := range []string{"iss", "sub", "auth_time"} {
		if second.id[name] != first.id[name] {
			return nil, fmt.Errorf("%s changed from %v to %v", name, first.id[name], second.id[name])
		}
	}
	if nonce != "" && nonce != first.id["nonce"] {
		return nil, fmt.Errorf("nonce changed to %q", nonce)
	}
	if second.access == first.access {
		return nil, errors.New("the access token is the same again")
	}
	if _, err := p.profile(ctx, second); err != nil {
		return nil, fmt.Errorf("refreshed access token: %w", err)
	}
	return second, nil
}

func idNonce(got *answer) (string, error) {
	if err := got.accepted(http.StatusOK); err != nil {
		return "", err
	}
	_, claims, err := opened(got.text("id_token"))
	if err != nil {
		return "", err
	}
	nonce, _ := claims["nonce"].(string)
	return nonce, nil
}
