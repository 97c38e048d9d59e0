package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"tocsin/system/interop/browser"
)

func pushModules() []Module {
	return []Module{
		{Name: "par-ensure-reused-request-uri-prior-to-auth-completion-succeeds", Check: reloaded},
		{Name: "par-attempt-reuse-request_uri", Check: requestReused, refuses: true},
		{Name: "par-attempt-to-use-expired-request_uri", Check: requestExpired, refuses: true, waits: true},
		{Name: "par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted", Check: assertionFrom(8 * time.Second)},
		{Name: "par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails", Check: assertionTooEarly, refuses: true},
		{Name: "par-attempt-to-use-request_uri-for-different-client", Check: requestOfAnother, refuses: true},
		{Name: "par-authorization-request-containing-request_uri-form-param", Check: pushRefused(with("request_uri", "urn:ietf:params:oauth:request_uri:random")), refuses: true},
		{Name: "par-attempt-invalid-http-method", Check: pushByOtherMethods, refuses: true},
		{Name: "par-ensure-pkce-required", Check: pushRefused(without("code_challenge", "code_challenge_method")), refuses: true},
		{Name: "par-plain-pkce-rejected", Check: plainChallenge, refuses: true},
		{Name: "par-without-duplicate-parameters", Check: happyFlow},
		{Name: "par-test-array-as-audience-fails", refuses: true, Check: audienceAtPush(func(p *party) any { return []string{p.target.Issuer} })},
		{Name: "par-test-par-endpoint-url-as-audience-fails", refuses: true, Check: audienceAtPush(func(p *party) any {
			return p.endpoint("pushed_authorization_request_endpoint")
		})},
		{Name: "par-test-token-endpoint-url-as-audience-fails", refuses: true, Check: audienceAtPush(func(p *party) any {
			return p.endpoint("token_endpoint")
		})},
	}
}

// reloaded opens a request_uri twice before anybody has logged in.
func reloaded(ctx context.Context, p *party) error {
	r := p.request()
	requestURI, err := p.pushed(ctx, r)
	if err != nil {
		return err
	}
	if _, err := p.visit(ctx, requestURI); err != nil {
		return err
	}
	page, err := p.visit(ctx, requestURI)
	if err != nil {
		return err
	}
	visit, err := p.browser.LogIn(ctx, page, p.person, browser.Allow)
	if err != nil {
		return err
	}
	_, err = p.collect(ctx, r, visit)
	return err
}

// requestReused opens a request_uri again after it led to a code (RFC 9126, 7.3).
func requestReused(ctx context.Context, p *party) error {
	r := p.request()
	requestURI, err := p.pushed(ctx, r)
	if err != nil {
		return err
	}
	page, err := p.visit(ctx, requestURI)
	if err != nil {
		return err
	}
	visit, err := p.browser.LogIn(ctx, page, p.person, browser.Allow)
	if err != nil {
		return err
	}
	if _, err := p.collect(ctx, r, visit); err != nil {
		return err
	}
	return p.uselessRequest(ctx, requestURI)
}

// uselessRequest checks that nobody gets a code with requestURI.
func (p *party) uselessRequest(ctx context.Context, requestURI string) error {
	page, err := p.visit(ctx, requestURI)
	if err != nil {
		return err
	}
	visit, err := p.browser.LogIn(ctx, page, p.person, browser.Allow)
	if err != nil {
		return err
	}
	return refusedPage(visit.Page, "invalid_request_uri", "invalid_request")
}

func requestExpired(ctx context.Context, p *party) error {
	got, err := p.push(ctx, p.request())
	if err != nil {
		return err
	}
	seconds, _ := got.json["expires_in"].(float64)
	if seconds <= 0 || seconds > 90 {
		return fmt.Errorf("expires_in is %v; a request that lives longer than a minute and a half is not waited for", got.json["expires_in"])
	}
	if err := p.pause(ctx, asSeconds(int(seconds)+2)); err != nil {
		return err
	}
	return p.uselessRequest(ctx, got.text("request_uri"))
}

func assertionFrom(ahead time.Duration) check {
	return func(ctx context.Context, p *party) error {
		_, err := p.pushed(ctx, p.request(), asserting(func(claims members) {
			claims["nbf"] = time.Now().Add(ahead).Unix()
		}))
		return err
	}
}

func assertionTooEarly(ctx context.Context, p *party) error {
	return p.pushNotAuthenticated(ctx, asserting(func(claims members) {
		then := time.Now().Add(70 * time.Second)
		claims["iat"], claims["nbf"], claims["exp"] = then.Unix(), then.Unix(), then.Add(time.Minute).Unix()
	}))
}

func (p *party) pushNotAuthenticated(ctx context.Context, change func(*call)) error {
	got, err := p.push(ctx, p.request(), change)
	if err != nil {
		return err
	}
	return got.refused(clientRefusals()...)
}

func audienceAtPush(audience func(*party) any) check {
	return func(ctx context.Context, p *party) error {
		return p.pushNotAuthenticated(ctx, asserting(func(claims members) { claims["aud"] = audience(p) }))
	}
}

func requestOfAnother(ctx context.Context, p *party) error {
	requestURI, err := p.pushed(ctx, p.request())
	if err != nil {
		return err
	}
	page, err := p.as(p.target.ProfileSecond).visit(ctx, requestURI)
	if err != nil {
		return err
	}
	return refusedPage(page, "invalid_request_uri", "invalid_request")
}

func pushByOtherMethods(ctx context.Context, p *party) error {
	var problems []error
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		got, err := p.push(ctx, p.request(), func(c *call) { c.method = method })
		if err == nil {
			err = got.refused()
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", method, err))
		}
	}
	return errors.Join(problems...)
}

func plainChallenge(ctx context.Context, p *party) error {
	return pushRefused(with("code_challenge_method", "plain"), func(values url.Values) {
		values.Set("code_challenge", values.Get("code_challenge")+"-as-the-verifier")
	})(ctx, p)
}
