package conformance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tocsin/system/interop/browser"
)

type check = func(context.Context, *party) error

func basicModules() []Module {
	modules := []Module{
		{Name: "oidcc-server", Check: happyFlow},
		{Name: "oidcc-response-type-missing", Check: responseTypeMissing, refuses: true},
		{Name: "oidcc-idtoken-signature", Check: signedWith("RS256"), client: func(t *Target) Client { return t.RS256 }},
		{Name: "oidcc-idtoken-unsigned", Reason: "needs dynamic registration; clients cannot be registered for `none`, and oidcc-discovery-endpoint-verification fails if it is offered"},
		{Name: "oidcc-userinfo-get", Check: userinfoBy(http.MethodGet)},
		{Name: "oidcc-userinfo-post-header", Check: userinfoBy(http.MethodPost)},
		{Name: "oidcc-userinfo-post-body", Check: userinfoByBody},
		{Name: "oidcc-ensure-request-without-nonce-succeeds-for-code-flow", Check: succeeds(without("nonce"))},
		{Name: "oidcc-scope-profile", Check: releases("profile")},
		{Name: "oidcc-scope-email", Check: releases("email")},
		{Name: "oidcc-scope-address", Check: releases("address")},
		{Name: "oidcc-scope-phone", Check: releases("phone")},
		{Name: "oidcc-scope-all", Check: releases("address", "email", "phone", "profile")},
		{Name: "oidcc-alternate-happy-flow", Check: reversedScope},
		{Name: "oidcc-display-page", Check: succeeds(with("display", "page"))},
		{Name: "oidcc-display-popup", Check: succeeds(with("display", "popup"))},
		{Name: "oidcc-prompt-login", Check: promptLogin, refuses: true},
		{Name: "oidcc-prompt-none-not-logged-in", Check: promptNoneNotLoggedIn, refuses: true},
		{Name: "oidcc-prompt-none-logged-in", Check: promptNoneLoggedIn},
		{Name: "oidcc-max-age-1", Check: maxAge1, refuses: true},
		{Name: "oidcc-max-age-10000", Check: maxAge10000},
		{Name: "oidcc-ensure-request-with-unknown-parameter-succeeds", Check: succeeds(with("extra", "foobar"))},
		{Name: "oidcc-id-token-hint", Check: idTokenHint},
		{Name: "oidcc-login-hint", Check: succeeds(with("login_hint", "buffy@localhost"))},
		{Name: "oidcc-ui-locales", Check: succeeds(with("ui_locales", "se"))},
		{Name: "oidcc-claims-locales", Check: succeeds(with("claims_locales", "se"))},
		{Name: "oidcc-ensure-request-with-acr-values-succeeds", Check: acrValues},
		{Name: "oidcc-codereuse", Check: codeReuse(0), refuses: true},
		{Name: "oidcc-codereuse-30seconds", Check: codeReuse(30), refuses: true, waits: true},
		{Name: "oidcc-ensure-registered-redirect-uri", Check: registeredRedirectURI, refuses: true},
		{Name: "oidcc-ensure-post-request-succeeds", Check: postRequest},
		{Name: "oidcc-server-client-secret-post", Reason: "clients authenticate with keys of their own; there are no shared secrets"},
		{Name: "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported", Check: requestURI, refuses: true},
		{Name: "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported", Check: requestObject, refuses: true},
		{Name: "oidcc-claims-essential", Check: claimsEssential},
		{Name: "oidcc-ensure-request-object-with-redirect-uri", Check: requestObjectWithRedirectURI, refuses: true},
		{Name: "oidcc-refresh-token", Check: refreshToken, refuses: true},
		{Name: "oidcc-ensure-request-with-valid-pkce-succeeds", Check: succeeds()},
	}
	return by(modules, func(t *Target) Client { return t.Basic })
}

// by sets who runs the modules that name nobody.
func by(modules []Module, client func(*Target) Client) []Module {
	for i := range modules {
		if modules[i].client == nil {
			modules[i].client = client
		}
	}
	return modules
}

func happyFlow(ctx context.Context, p *party) error {
	t, err := p.enter(ctx)
	if err != nil {
		return err
	}
	if t.raw == "" {
		return errors.New("no ID token though the scope has openid")
	}
	_, err = p.profile(ctx, t)
	return err
}

// succeeds checks that a request with changes is granted like any other.
func succeeds(change ...func(url.Values)) check {
	return func(ctx context.Context, p *party) error {
		t, err := p.enter(ctx, change...)
		if err != nil {
			return err
		}
		_, err = p.profile(ctx, t)
		return err
	}
}

func signedWith(alg string) check {
	return func(ctx context.Context, p *party) error {
		t, err := p.enter(ctx)
		if err != nil {
			return err
		}
		header, _, err := opened(t.raw)
		if err == nil && header["alg"] != alg {
			err = fmt.Errorf("ID token is signed with %v, registered is %s", header["alg"], alg)
		}
		return err
	}
}

func reversedScope(ctx context.Context, p *party) error {
	scopes := strings.Fields(p.client.Scope)
	slices.Reverse(scopes)
	return succeeds(with("scope", strings.Join(scopes, " ")))(ctx, p)
}

func responseTypeMissing(ctx context.Context, p *party) error {
	return p.denied(ctx, p.request(without("response_type")), "unsupported_response_type", "invalid_request")
}

// denied checks that a request leads to an error page or back to the client
// with one of kinds, without anybody being asked to log in.
func (p *party) denied(ctx context.Context, r *request, kinds ...string) error {
	page, err := p.begin(ctx, r)
	if err != nil {
		return err
	}
	return refusedPage(page, kinds...)
}

func refusedPage(page *browser.Page, kinds ...string) error {
	if page.Location == nil {
		return refusedHere(page)
	}
	if kind := page.Location.Query().Get("error"); !slices.Contains(kinds, kind) {
		return fmt.Errorf("sent back with error %q, want one of %v: %s", kind, kinds, page.Location)
	}
	return nil
}

// refusedHere checks that the browser stays on an error page.
func refusedHere(page *browser.Page) error {
	if page.Location != nil || page.Status < 400 || page.Status > 499 || page.With("pin") != nil {
		return fmt.Errorf("want an error page, got a %s", page)
	}
	return nil
}

func registeredRedirectURI(ctx context.Context, p *party) error {
	for _, change := range []string{"/not-registered", "?added=1", "/../other"} {
		r := p.request(with("redirect_uri", p.client.RedirectURI+change))
		page, err := p.begin(ctx, r)
		if err != nil {
			return err
		}
		if err := refusedHere(page); err != nil {
			return fmt.Errorf("redirect URI with %s: %w", change, err)
		}
	}
	return nil
}

func userinfoBy(method string) check {
	return func(ctx context.Context, p *party) error {
		t, err := p.enter(ctx)
		if err != nil {
			return err
		}
		_, err = p.profile(ctx, t, func(c *call) { c.method = method })
		return err
	}
}

// userinfoByBody: a provider need not take the token in a form (RFC 6750, 2.2),
// but must then say so and not break.
func userinfoByBody(ctx context.Context, p *party) error {
	t, err := p.enter(ctx)
	if err != nil {
		return err
	}
	got, err := p.do(ctx, call{address: p.endpoint("userinfo_endpoint"), form: url.Values{"access_token": {t.access}}})
	if err != nil {
		return err
	}
	if got.status == http.StatusOK && got.json["sub"] == t.id["sub"] {
		return nil
	}
	return got.refused()
}

// releases checks that scopes release claims of theirs, and no others.
func releases(scopes ...string) check {
	return func(ctx context.Context, p *party) error {
		t, err := p.enter(ctx, with("scope", "openid "+strings.Join(scopes, " ")))
		if err != nil {
			return err
		}
		claims, err := p.profile(ctx, t)
		if err != nil {
			return err
		}
		var problems []error
		for scope, names := range p.target.Claims {
			has := slices.ContainsFunc(names, func(name string) bool { return claims[name] != nil })
			if asked := slices.Contains(scopes, scope); has != asked {
				problems = append(problems, fmt.Errorf("scope %s asked for: %t, claims of it released: %t (%v)", scope, asked, has, slices.Sorted(maps.Keys(claims))))
			}
		}
		return errors.Join(problems...)
	}
}

func acrValues(ctx context.Context, p *party) error {
	offered, _ := p.meta["acr_values_supported"].([]any)
	values := []string{"1", "2"}
	if len(offered) > 0 {
		values = nil
	}
	for _, value := range offered {
		text, _ := value.(string)
		values = append(values, text)
	}
	t, err := p.enter(ctx, with("acr_values", strings.Join(values, " ")))
	if err != nil || len(offered) == 0 {
		return err
	}
	if acr, _ := t.id["acr"].(string); !slices.Contains(values, acr) {
		return fmt.Errorf("acr is %v, none of %v", t.id["acr"], values)
	}
	return nil
}

// codeReuse also checks that the tokens of the first use die with the second
// (RFC 6749, 4.1.2).
func codeReuse(seconds int) check {
	return func(ctx context.Context, p *party) error {
		r := p.request()
		t, err := p.finish(ctx, r)
		if err != nil {
			return err
		}
		if err := p.pause(ctx, asSeconds(seconds)); err != nil {
			return err
		}
		got, err := p.redeem(ctx, r, t.code)
		if err != nil {
			return err
		}
		if err := got.refused("invalid_grant"); err != nil {
			return fmt.Errorf("second use of a code: %w", err)
		}
		return p.dead(ctx, t)
	}
}

// dead checks that an access token works no more, once the provider has had
// the time it may take.
func (p *party) dead(ctx context.Context, t *tokens) error {
	if err := p.pause(ctx, p.target.Refusals); err != nil {
		return err
	}
	got, err := p.userinfo(ctx, t.access)
	if err != nil {
		return err
	}
	if err := got.refused("invalid_token"); err != nil {
		return fmt.Errorf("access token of a code that was used twice: %w", err)
	}
	return nil
}

func postRequest(ctx context.Context, p *party) error {
	r := p.request()
	page, err := p.browser.Post(ctx, p.endpoint("authorization_endpoint"), r.values)
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

func claimsEssential(ctx context.Context, p *party) error {
	t, err := p.enter(ctx, with("scope", "openid"), with("claims", `{"userinfo":{"name":{"essential":true}}}`))
	if err != nil {
		return err
	}
	claims, err := p.profile(ctx, t)
	if err == nil && claims["name"] == nil {
		err = fmt.Errorf("the essential claim name is not among %v", claims)
	}
	return err
}
