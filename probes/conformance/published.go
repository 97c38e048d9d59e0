package conformance

import (
	"context"
	"encoding/json"
	"mime"
	"net/url"
	"slices"
	"strings"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// published walks through what the provider publishes. Nothing can be said
// about a document that is not that of the issuer, so that is the control.
func (s *session) published(ctx context.Context) error {
	if err := s.Discover(ctx); err != nil {
		return err
	}
	if err := s.run(ctx, documentChecks()); err != nil {
		return err
	}
	if err := s.Take(ctx, "jwks", s.readKeys); err != nil {
		return err
	}
	if err := s.run(ctx, keyChecks()); err != nil {
		return err
	}
	return s.conclude()
}

const config = "oidcc-discovery-endpoint-verification"

// documentChecks need no request of their own: they look at what the step
// discovery has read.
func documentChecks() []check {
	return []check{
		{name: "discovery-media-type", module: config, look: asking((*session).reparse)},
		{name: "discovery-issuer", module: config, look: looking((*session).checkIssuer)},
		{name: "discovery-members", module: config, look: looking((*session).checkMembers)},
		{name: "discovery-endpoints", module: config, look: looking((*session).checkEndpoints)},
		{name: "discovery-code-flow", module: config, look: looking((*session).checkFlow)},
		{name: "discovery-algorithms", module: config, look: looking((*session).checkAlgorithms)},
		{name: "discovery-pkce", module: "fapi2-security-profile-final-discovery-end-point-verification", look: looking((*session).checkPKCE)},
		{name: "discovery-client-auth", module: config, look: looking((*session).checkClientAuth)},
		{name: "discovery-recommended", module: config, look: looking((*session).checkRecommended)},
	}
}

// looking is a check that makes no request.
func looking(look func(*session) error) func(context.Context, *session) error {
	return func(_ context.Context, s *session) error { return look(s) }
}

// asking is a check that makes requests.
func asking(look func(*session, context.Context) error) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error { return look(s, ctx) }
}

// reparse reads the whole document. Section 4.2 of Discovery 1.0 says by which
// type it is sent.
func (s *session) reparse(context.Context) error {
	var err error
	if s.document, err = parse(s.Document.Body); err != nil {
		return err
	}
	sent := s.Document.Header.Get("Content-Type")
	if kind, _, err := mime.ParseMediaType(sent); err != nil || kind != "application/json" {
		return exchange.Brokenf(verdict.Content, "the discovery document is sent as %q, not as application/json (Discovery 1.0, section 4.2)", sent)
	}
	return nil
}

// checkIssuer wants an identifier that clients can build on (Discovery 1.0,
// section 3). That it is the one asked for was seen by the step discovery.
func (s *session) checkIssuer() error {
	issuer := s.StatedIssuer()
	parsed, err := url.Parse(issuer)
	switch {
	case err != nil || parsed.Host == "":
		return exchange.Brokenf(verdict.Content, "the issuer %q is no URL", issuer)
	case parsed.RawQuery != "" || parsed.Fragment != "" || strings.ContainsAny(issuer, "?#"):
		return exchange.Brokenf(verdict.Content, "the issuer %q has a query or fragment (Discovery 1.0, section 3)", issuer)
	case parsed.Scheme == "http":
		// A target file allows that for this machine alone.
		s.warnf("the issuer is reached in the clear (http)")
	case parsed.Scheme != "https":
		return exchange.Brokenf(verdict.Content, "the issuer %q is no https URL (Discovery 1.0, section 3)", issuer)
	}
	return nil
}

// checkMembers wants what Discovery 1.0, section 3, requires, and members of
// the right types: clients written in a typed language stop at others.
func (s *session) checkMembers() error {
	for _, name := range []string{
		"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "response_types_supported", "subject_types_supported",
		"id_token_signing_alg_values_supported",
	} {
		if !s.document.has(name) {
			return exchange.Brokenf(verdict.Content, "the discovery document has no %s (Discovery 1.0, section 3)", name)
		}
	}
	for _, name := range lists() {
		var list []string
		if s.document.has(name) && json.Unmarshal(s.document[name], &list) != nil {
			return exchange.Brokenf(verdict.Content, "%s in the discovery document is not a list of texts", name)
		}
		if s.document.has(name) && len(list) == 0 {
			// RFC 8414, section 3.2, demands to leave out what is empty.
			s.warnf("%s in the discovery document is an empty list, which should be left out", name)
		}
	}
	for _, name := range flags() {
		var flag bool
		if s.document.has(name) && json.Unmarshal(s.document[name], &flag) != nil {
			return exchange.Brokenf(verdict.Content, "%s in the discovery document is neither true nor false", name)
		}
	}
	for _, kind := range s.document.list("subject_types_supported") {
		if kind != "public" && kind != "pairwise" {
			return exchange.Brokenf(verdict.Content, "subject_types_supported has %q, which is neither public nor pairwise (Core, section 8)", kind)
		}
	}
	return nil
}

// checkEndpoints wants addresses that nobody on the way can read or change
// (Discovery 1.0, section 3; RFC 6749, section 3.1).
func (s *session) checkEndpoints() error {
	plainly := strings.HasPrefix(s.StatedIssuer(), "http://")
	for _, name := range s.document.endpoints() {
		address := s.document.text(name)
		parsed, err := url.Parse(address)
		switch {
		case err != nil || parsed.Host == "":
			return exchange.Brokenf(verdict.Content, "%s is no absolute URL: %q", name, address)
		case parsed.Scheme != "https" && !plainly:
			return exchange.Brokenf(verdict.Content, "%s is no https URL: %q", name, address)
		case parsed.Fragment != "":
			return exchange.Brokenf(verdict.Content, "%s has a fragment: %q (RFC 6749, section 3.1)", name, address)
		}
	}
	return nil
}

// checkFlow wants the document to announce what logins are made with.
func (s *session) checkFlow() error {
	if types := s.document.list("response_types_supported"); !slices.Contains(types, "code") {
		return exchange.Brokenf(verdict.Content, "response_types_supported lacks code, by which this target logs in: %s", strings.Join(types, ", "))
	}
	if grants := s.document.list("grant_types_supported"); len(grants) > 0 && !slices.Contains(grants, "authorization_code") {
		return exchange.Brokenf(verdict.Content, "grant_types_supported lacks authorization_code, by which this target logs in: %s", strings.Join(grants, ", "))
	}
	return nil
}

// checkAlgorithms refuses announcements by which nobody proves anything. ID
// tokens, userinfo and request objects may be unsigned in some cases (Discovery
// 1.0, section 3), so there it is a warning.
func (s *session) checkAlgorithms() error {
	for name, source := range map[string]string{
		"token_endpoint_auth_signing_alg_values_supported":         "Discovery 1.0, section 3",
		"introspection_endpoint_auth_signing_alg_values_supported": "RFC 8414, section 2",
		"revocation_endpoint_auth_signing_alg_values_supported":    "RFC 8414, section 2",
		"dpop_signing_alg_values_supported":                        "RFC 9449, section 5.1",
	} {
		algorithms := s.document.list(name)
		if slices.Contains(algorithms, "none") {
			return exchange.Brokenf(verdict.Content, "%s has none: whoever says so would need no key (%s)", name, source)
		}
		if name == "dpop_signing_alg_values_supported" && slices.ContainsFunc(algorithms, symmetric) {
			return exchange.Brokenf(verdict.Content, "%s has a symmetric algorithm, whose key would have to be sent along (%s)", name, source)
		}
	}
	for _, name := range []string{"id_token_signing_alg_values_supported", "userinfo_signing_alg_values_supported", "request_object_signing_alg_values_supported"} {
		if slices.Contains(s.document.list(name), "none") {
			s.warnf("%s has none", name)
		}
	}
	return nil
}

func symmetric(algorithm string) bool { return strings.HasPrefix(algorithm, "HS") }

// checkPKCE wants S256, which whoever knows PKCE must know (RFC 7636, section
// 4.2).
func (s *session) checkPKCE() error {
	const name = "code_challenge_methods_supported"
	methods := s.document.list(name)
	switch {
	case !s.document.has(name):
		s.warnf("the discovery document has no %s, so clients take it that there is no PKCE (RFC 8414, section 2)", name)
	case !slices.Contains(methods, "S256"):
		return exchange.Brokenf(verdict.Content, "%s lacks S256 (RFC 7636, section 4.2): %s", name, strings.Join(methods, ", "))
	case slices.Contains(methods, "plain"):
		s.warnf("%s has plain, which protects nobody who can be watched (RFC 9700, section 2.1.1)", name)
	}
	return nil
}

// checkClientAuth wants the document to announce how this client proves itself.
func (s *session) checkClientAuth() error {
	methods := s.document.list("token_endpoint_auth_methods_supported")
	if len(methods) == 0 {
		methods = []string{target.AuthClientSecretBasic}
	}
	if auth := s.Config().Client.Auth; auth != "" && !slices.Contains(methods, auth) {
		s.warnf("this client authenticates by %s, which token_endpoint_auth_methods_supported lacks", auth)
	}
	signs := slices.Contains(methods, target.AuthPrivateKeyJWT) || slices.Contains(methods, "client_secret_jwt")
	if signs && !s.document.has("token_endpoint_auth_signing_alg_values_supported") {
		return exchange.Brokenf(verdict.Content, "clients may sign assertions, but token_endpoint_auth_signing_alg_values_supported does not say how (RFC 8414, section 2)")
	}
	return nil
}

// checkRecommended only warns.
func (s *session) checkRecommended() error {
	if scopes := s.document.list("scopes_supported"); !slices.Contains(scopes, "openid") {
		s.warnf("scopes_supported lacks openid")
	}
	if !slices.Contains(s.document.list("id_token_signing_alg_values_supported"), "RS256") {
		s.warnf("id_token_signing_alg_values_supported lacks RS256, which general-purpose clients expect (Discovery 1.0, section 3)")
	}
	if !s.document.has("userinfo_endpoint") {
		s.warnf("there is no userinfo_endpoint")
	}
	return nil
}
