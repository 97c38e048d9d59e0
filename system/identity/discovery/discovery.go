// Package discovery publishes the provider's metadata (OpenID Connect
// Discovery 1.0, RFC 8414) and its keys. Neither needs any store to answer.
package discovery

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	"tocsin/system/identity/claim"
	"tocsin/system/identity/grantquery"
	"tocsin/system/identity/oautherr"
)

// metadata is one document for both standards, which share their names.
type metadata struct {
	Issuer                            string   `json:"issuer"`
	AuthorizationEndpoint             string   `json:"authorization_endpoint"`
	TokenEndpoint                     string   `json:"token_endpoint"`
	UserinfoEndpoint                  string   `json:"userinfo_endpoint"`
	JWKSURI                           string   `json:"jwks_uri"`
	GrantManagementEndpoint           string   `json:"grant_management_endpoint"`
	GrantManagementActionsSupported   []string `json:"grant_management_actions_supported"`
	GrantManagementActionRequired     bool     `json:"grant_management_action_required"`
	ScopesSupported                   []string `json:"scopes_supported"`
	ClaimsSupported                   []string `json:"claims_supported"`
	ResponseTypesSupported            []string `json:"response_types_supported"`
	ResponseModesSupported            []string `json:"response_modes_supported"`
	GrantTypesSupported               []string `json:"grant_types_supported"`
	SubjectTypesSupported             []string `json:"subject_types_supported"`
	PromptValuesSupported             []string `json:"prompt_values_supported"`
	UILocalesSupported                []string `json:"ui_locales_supported"`
	IDTokenSigningAlgorithms          []string `json:"id_token_signing_alg_values_supported"`
	TokenEndpointAuthMethods          []string `json:"token_endpoint_auth_methods_supported"`
	TokenEndpointAuthAlgorithms       []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	CodeChallengeMethodsSupported     []string `json:"code_challenge_methods_supported"`
	ClaimsParameterSupported          bool     `json:"claims_parameter_supported"`
	RequestParameterSupported         bool     `json:"request_parameter_supported"`
	RequestURIParameterSupported      bool     `json:"request_uri_parameter_supported"`
	AuthorizationResponseIssSupported bool     `json:"authorization_response_iss_parameter_supported"`
}

// Metadata returns a handler with the document of issuer.
func Metadata(issuer string, locales []string, log *slog.Logger) (http.Handler, error) {
	document, err := json.Marshal(metadata{
		Issuer:                issuer,
		AuthorizationEndpoint: issuer + "/authorize",
		TokenEndpoint:         issuer + "/token",
		UserinfoEndpoint:      issuer + "/userinfo",
		JWKSURI:               issuer + "/jwks.json",

		GrantManagementEndpoint:         issuer + "/grants",
		GrantManagementActionsSupported: []string{"query"},

		ScopesSupported:        append(append([]string{"openid"}, claim.Scopes()...), grantquery.Scope),
		ClaimsSupported:        append([]string{"sub", "auth_time"}, claim.Supported()...),
		ResponseTypesSupported: []string{"code"},
		ResponseModesSupported: []string{"query"},
		GrantTypesSupported:    []string{"authorization_code", "client_credentials"},
		SubjectTypesSupported:  []string{"public"},
		PromptValuesSupported:  []string{"login", "consent"},
		UILocalesSupported:     locales,

		IDTokenSigningAlgorithms:      []string{"ES256"},
		TokenEndpointAuthMethods:      []string{"private_key_jwt"},
		TokenEndpointAuthAlgorithms:   []string{"ES256", "PS256"},
		CodeChallengeMethodsSupported: []string{"S256"},

		AuthorizationResponseIssSupported: true, // RFC 9207, 3
	})
	if err != nil {
		return nil, fmt.Errorf("encode metadata: %w", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		write(w, r, log, "application/json", document)
	}), nil
}

// Keys publishes the JWK set: all of it, or an error.
type Keys interface {
	Document() ([]byte, error)
}

// JWKS returns a handler with the keys.
func JWKS(keys Keys, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		document, err := keys.Document()
		if err != nil {
			oautherr.WriteJSON(w, r, log, err)
			return
		}
		write(w, r, log, "application/jwk-set+json", document)
	})
}

func write(w http.ResponseWriter, r *http.Request, log *slog.Logger, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	// Public documents: pages of any origin may read them.
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cache-Control", "public, max-age=300, stale-while-revalidate=3600")
	if _, err := w.Write(body); err != nil {
		log.DebugContext(r.Context(), "write document", "error", err)
	}
}
