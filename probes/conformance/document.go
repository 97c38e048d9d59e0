package conformance

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// document is a discovery document as it was sent, whatever stands in it.
type document map[string]json.RawMessage

func parse(body []byte) (document, error) {
	var read document
	if err := json.Unmarshal(body, &read); err != nil {
		return nil, exchange.Brokenf(verdict.Content, "the discovery document is not a JSON object: %v", err)
	}
	return read, nil
}

// has reports whether the document has a member that says something.
func (d document) has(name string) bool {
	value := bytes.TrimSpace(d[name])
	return len(value) > 0 && !bytes.Equal(value, []byte("null"))
}

// text is a member, empty where it is missing or no text.
func (d document) text(name string) string {
	var text string
	if json.Unmarshal(d[name], &text) != nil {
		return ""
	}
	return text
}

// list is a member, empty where it is missing or no list of texts.
func (d document) list(name string) []string {
	var list []string
	if json.Unmarshal(d[name], &list) != nil {
		return nil
	}
	return list
}

// is reports whether a member is true.
func (d document) is(name string) bool {
	var value bool
	return json.Unmarshal(d[name], &value) == nil && value
}

// names of the members, sorted.
func (d document) names() []string { return slices.Sorted(maps.Keys(d)) }

// endpoints are the members that hold an address, sorted.
func (d document) endpoints() []string {
	return slices.DeleteFunc(d.names(), func(name string) bool {
		known := name == "jwks_uri" || name == "issuer" || strings.HasSuffix(name, "_endpoint") || strings.HasSuffix(name, "_iframe")
		return !known || !d.has(name)
	})
}

// lists are the members that must be lists of texts, and flags those that must
// be true or false (OpenID Connect Discovery 1.0, section 3; RFC 8414, section
// 2; RFC 9126, section 5; RFC 9207, section 3; RFC 9449, section 5.1).
func lists() []string {
	return []string{
		"scopes_supported", "response_types_supported", "response_modes_supported", "grant_types_supported", "acr_values_supported",
		"subject_types_supported", "id_token_signing_alg_values_supported", "id_token_encryption_alg_values_supported",
		"id_token_encryption_enc_values_supported", "userinfo_signing_alg_values_supported", "userinfo_encryption_alg_values_supported",
		"userinfo_encryption_enc_values_supported", "request_object_signing_alg_values_supported",
		"request_object_encryption_alg_values_supported", "request_object_encryption_enc_values_supported",
		"token_endpoint_auth_methods_supported", "token_endpoint_auth_signing_alg_values_supported", "display_values_supported",
		"claim_types_supported", "claims_supported", "claims_locales_supported", "ui_locales_supported", "prompt_values_supported",
		"revocation_endpoint_auth_methods_supported", "revocation_endpoint_auth_signing_alg_values_supported",
		"introspection_endpoint_auth_methods_supported", "introspection_endpoint_auth_signing_alg_values_supported",
		"code_challenge_methods_supported", "dpop_signing_alg_values_supported",
	}
}

func flags() []string {
	return []string{
		"claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported", "require_request_uri_registration",
		"require_pushed_authorization_requests", "authorization_response_iss_parameter_supported",
	}
}
