package target

import (
	"fmt"
	"slices"

	"tocsin/internal/strictyaml"
)

// Conformance says what the owner of the system has decided about the checks
// of conformance.
type Conformance struct {
	// Accepted names checks whose findings are known and accepted: they are
	// warnings.
	Accepted []string `yaml:"accepted"`
}

// ConformanceChecks lists the checks that a target file may name, in the order
// in which they are made.
func ConformanceChecks() []string {
	return []string{
		"discovery-media-type", "discovery-issuer", "discovery-members", "discovery-endpoints", "discovery-code-flow",
		"discovery-algorithms", "discovery-pkce", "discovery-client-auth", "discovery-recommended",
		"jwks-private", "jwks-readable", "jwks-names", "jwks-use", "jwks-strength", "jwks-algorithms",
		"token-no-store", "userinfo-without-token", "userinfo-wrong-token", "introspection-open",
		"code-reuse", "code-reuse-revokes",
		"client-wrong", "client-unproven", "assertion-unsigned", "assertion-expired", "assertion-wrong-audience", "grant-type-unknown",
		"pkce-verifier-wrong", "pkce-verifier-missing", "pkce-downgrade", "pkce-plain", "redirect-uri-mismatch", "code-of-another-client",
		"redirect-uri-unregistered", "response-type-missing", "response-type-unknown", "request-object-unsigned",
		"max-age", "prompt-none",
	}
}

func (c *checker) conformance(conformance Conformance) {
	known := ConformanceChecks()
	for index, name := range conformance.Accepted {
		if slices.Contains(known, name) {
			continue
		}
		hint := "tocsin probe run conformance shows the checks"
		if near := strictyaml.Nearest(name, known); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		c.report(fmt.Sprintf("conformance.accepted[%d]", index), fmt.Sprintf("%q is no check", name), hint)
	}
}
