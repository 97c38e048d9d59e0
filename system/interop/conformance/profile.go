package conformance

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"tocsin/system/interop/browser"
)

func profileModules() []Module {
	const prefix = "fapi2-security-profile-final-"
	groups := [][]Module{profileRequestModules(), proofModules(), profileTokenModules(), pushModules()}
	var modules []Module
	for _, module := range slices.Concat(groups...) {
		module.Name = prefix + module.Name
		module.profiled = true
		modules = append(modules, module)
	}
	return by(modules, func(t *Target) Client { return t.Profile })
}

func profileRequestModules() []Module {
	return []Module{
		{Name: "discovery-end-point-verification", Check: profileDiscovery},
		{Name: "happy-flow", Check: twoClients},
		{Name: "user-rejects-authentication", Check: userRejects, refuses: true},
		{Name: "ensure-authorization-request-without-state-success", Check: withoutState},
		{Name: "ensure-authorization-request-without-nonce-success", Check: succeeds(without("nonce"))},
		{Name: "ensure-authorization-request-with-64-char-nonce-success", Check: succeeds(with("nonce", strings.Repeat("n0nce-64", 8)))},
		{Name: "ensure-other-scope-order-succeeds", Check: reversedScope},
		{Name: "test-claims-parameter-identity-claims", Check: claimsParameter},
		{Name: "access-token-type-header-case-sensitivity", Check: schemeInAnyCase},
		{Name: "ensure-different-nonce-inside-and-outside-request-object", Check: outsideIgnored("nonce")},
		{Name: "ensure-different-state-inside-and-outside-request-object", Check: outsideIgnored("state")},
		{Name: "ensure-authorization-request-with-long-nonce", Check: longValue("nonce", 384)},
		{Name: "ensure-authorization-request-with-long-state", Check: longValue("state", 1000)},
		{Name: "state-only-outside-request-object-not-used", Check: stateOnlyOutside},
		{Name: "ensure-request-object-without-redirect-uri-fails", Check: pushRefused(without("redirect_uri")), refuses: true},
		{Name: "ensure-registered-redirect-uri", Check: pushRefused(with("redirect_uri", "https://localhost/not-registered")), refuses: true},
		{Name: "plain-fapi-tolerate-unregistered-redirect-uri", Check: unregisteredRedirectURI},
		{Name: "ensure-unsigned-authorization-request-without-using-par-fails", Check: withoutPush, refuses: true},
		{Name: "ensure-redirect-uri-in-authorization-request", Check: pushRefused(without("redirect_uri")), refuses: true},
		{Name: "ensure-response-type-code-idtoken-fails", Check: pushRefused(with("response_type", "code id_token")), refuses: true},
		{Name: "ensure-response-type-token-fails", Check: pushRefused(with("response_type", "token")), refuses: true},
		{Name: "ensure-server-handles-non-matching-intent-id", Reason: "there are no consent intents registered ahead of a request, as open banking has"},
		{Name: "test-essential-acr-sca-claim", Check: essentialACR},
	}
}

func profileDiscovery(ctx context.Context, p *party) error {
	problems := []error{discovery(ctx, p)}
	for name, anyOf := range map[string][]string{
		"token_endpoint_auth_methods_supported": {"private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"},
		"dpop_signing_alg_values_supported":     {"ES256", "PS256", "EdDSA"},
		"id_token_signing_alg_values_supported": {"ES256", "PS256", "EdDSA"},
		"code_challenge_methods_supported":      {"S256"},
	} {
		if !slices.ContainsFunc(p.lists(name), func(value string) bool { return slices.Contains(anyOf, value) }) {
			problems = append(problems, fmt.Errorf("%s is %v, want one of %v", name, p.meta[name], anyOf))
		}
	}
	if p.endpoint("pushed_authorization_request_endpoint") == "" {
		problems = append(problems, errors.New("pushed_authorization_request_endpoint is missing"))
	}
	if p.meta["authorization_response_iss_parameter_supported"] != true { // RFC 9207, 3
		problems = append(problems, errors.New("authorization_response_iss_parameter_supported is not true"))
	}
	return errors.Join(problems...)
}

func twoClients(ctx context.Context, p *party) error {
	if err := happyFlow(ctx, p); err != nil {
		return err
	}
	second := p.as(p.target.ProfileSecond)
	if err := second.renew(); err != nil {
		return err
	}
	if err := happyFlow(ctx, second); err != nil {
		return fmt.Errorf("second client: %w", err)
	}
	return nil
}

func userRejects(ctx context.Context, p *party) error {
	r := p.request()
	page, err := p.begin(ctx, r)
	if err != nil {
		return err
	}
	visit, err := p.browser.LogIn(ctx, page, p.person, browser.Deny)
	if err != nil {
		return err
	}
	got, err := p.callback(r, visit)
	if err == nil && got.Get("error") != "access_denied" {
		err = fmt.Errorf("error %q, want access_denied", got.Get("error"))
	}
	return err
}

func withoutState(ctx context.Context, p *party) error {
	t, err := p.enter(ctx, without("state"))
	if err != nil {
		return err
	}
	if got, err := t.visit.Callback(); err != nil || got.Has("state") {
		return fmt.Errorf("a state that was not sent came back: %v %w", got, err)
	}
	if t.id["s_hash"] != nil {
		return errors.New("s_hash though there was no state")
	}
	return nil
}

func claimsParameter(ctx context.Context, p *party) error {
	if p.meta["claims_parameter_supported"] != true {
		return errors.New("claims_parameter_supported is not true")
	}
	return claimsEssential(ctx, p)
}

func schemeInAnyCase(ctx context.Context, p *party) error {
	t, err := p.enter(ctx)
	if err != nil {
		return err
	}
	for _, scheme := range []string{"dpop", "DPOP", "dPoP"} {
		if _, err := p.profile(ctx, t, func(c *call) { c.scheme = scheme }); err != nil {
			return fmt.Errorf("scheme %s: %w", scheme, err)
		}
	}
	return nil
}

// outsideIgnored sends a parameter again, with another value, beside the
// request_uri: what was pushed counts, or the request is refused (RFC 9101, 5).
func outsideIgnored(name string) check {
	return func(ctx context.Context, p *party) error {
		r := p.request()
		page, err := p.pushAnd(ctx, r, with(name, rand.Text()))
		if err != nil {
			return err
		}
		return p.asPushedOrDenied(ctx, r, page)
	}
}

// pushAnd pushes r and opens its request_uri with further parameters.
func (p *party) pushAnd(ctx context.Context, r *request, change ...func(url.Values)) (*browser.Page, error) {
	requestURI, err := p.pushed(ctx, r)
	if err != nil {
		return nil, err
	}
	values := url.Values{"client_id": {p.client.ID}, "request_uri": {requestURI}}
	for _, add := range change {
		add(values)
	}
	return p.browser.Open(ctx, p.address(values))
}

func (p *party) asPushedOrDenied(ctx context.Context, r *request, page *browser.Page) error {
	if page.Location != nil || page.Status >= 400 {
		return refusedPage(page, "invalid_request")
	}
	visit, err := p.browser.LogIn(ctx, page, p.person, browser.Allow)
	if err != nil {
		return err
	}
	_, err = p.collect(ctx, r, visit)
	return err
}

func stateOnlyOutside(ctx context.Context, p *party) error {
	r := p.request(without("state"))
	page, err := p.pushAnd(ctx, r, with("state", rand.Text()))
	if err != nil {
		return err
	}
	return p.asPushedOrDenied(ctx, r, page)
}

// longValue: a long value comes back whole, or is refused at once.
func longValue(name string, length int) check {
	return func(ctx context.Context, p *party) error {
		r := p.request(with(name, strings.Repeat("v", length)))
		got, err := p.push(ctx, r)
		if err != nil {
			return err
		}
		if got.status >= 400 {
			return got.refused("invalid_request")
		}
		page, err := p.visit(ctx, got.text("request_uri"))
		if err != nil {
			return err
		}
		return p.asPushedOrDenied(ctx, r, page)
	}
}

// pushRefused checks that a request with changes is refused when pushed.
func pushRefused(change ...func(url.Values)) check {
	return func(ctx context.Context, p *party) error {
		got, err := p.push(ctx, p.request(change...))
		if err != nil {
			return err
		}
		return got.refused("invalid_request", "invalid_request_object", "unsupported_response_type", "invalid_redirect_uri", "unauthorized_client", "request_uri_not_supported")
	}
}

// unregisteredRedirectURI may be allowed (RFC 9126, 2.4), but must work then.
func unregisteredRedirectURI(ctx context.Context, p *party) error {
	r := p.request(with("redirect_uri", "https://localhost/not-registered"))
	got, err := p.push(ctx, r)
	if err != nil {
		return err
	}
	if got.status >= 400 {
		return got.refused("invalid_request", "invalid_redirect_uri")
	}
	page, err := p.visit(ctx, got.text("request_uri"))
	if err != nil {
		return err
	}
	p.browser.Until("https://localhost/not-registered")
	return p.asPushedOrDenied(ctx, r, page)
}

func withoutPush(ctx context.Context, p *party) error {
	r := p.request()
	page, err := p.browser.Open(ctx, p.address(r.values))
	if err != nil {
		return err
	}
	return refusedPage(page, "invalid_request")
}

// essentialACR asks for an authentication that does not exist here: it may be
// refused, but must not be claimed unless it happened.
func essentialACR(ctx context.Context, p *party) error {
	const wanted = "urn:openbanking:psd2:sca"
	r := p.request(with("claims", `{"id_token":{"acr":{"essential":true,"values":["`+wanted+`"]}}}`))
	got, err := p.push(ctx, r)
	if err != nil {
		return err
	}
	if got.status >= 400 {
		return got.refused("invalid_request", "unmet_authentication_requirements")
	}
	page, err := p.visit(ctx, got.text("request_uri"))
	if err != nil {
		return err
	}
	visit, err := p.browser.LogIn(ctx, page, p.person, browser.Allow)
	if err != nil {
		return err
	}
	if visit.Page.With("pin") != nil {
		return nil // asked again, for what nobody can give
	}
	if visit.Page.Location == nil || visit.Page.Location.Query().Has("error") {
		return refusedPage(visit.Page, "access_denied", "invalid_request", "unmet_authentication_requirements", "login_required")
	}
	t, err := p.collect(ctx, r, visit)
	if err == nil && t.id["acr"] == wanted && !slices.Contains(p.lists("acr_values_supported"), wanted) {
		err = fmt.Errorf("claims the acr %s, which is not offered", wanted)
	}
	return err
}

// oldTLS checks that the issuer refuses a handshake below TLS 1.2 (FAPI 2.0, 5.2.1).
func (p *party) oldTLS(ctx context.Context) error {
	issuer, err := url.Parse(p.target.Issuer)
	if err != nil || issuer.Scheme != "https" {
		return err // a peer on loopback has no TLS
	}
	old := p.target.Trust.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	address := issuer.Host
	if issuer.Port() == "" {
		address += ":443"
	}
	connection, err := (&tls.Dialer{Config: old}).DialContext(ctx, "tcp", address)
	if err == nil {
		return errors.Join(errors.New("TLS 1.1 was accepted"), connection.Close())
	}
	return nil
}
