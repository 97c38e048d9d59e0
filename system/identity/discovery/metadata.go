package discovery

import (
	"tocsin/system/authenticator"
	"tocsin/system/identity/claim"
	"tocsin/system/identity/clientauth"
	"tocsin/system/identity/compact"
	"tocsin/system/identity/grantquery"
)

// metadata is one document for both standards, which share their names.
type metadata struct {
	Issuer                  string `json:"issuer"`
	AuthorizationEndpoint   string `json:"authorization_endpoint"`
	TokenEndpoint           string `json:"token_endpoint"`
	UserinfoEndpoint        string `json:"userinfo_endpoint"`
	JWKSURI                 string `json:"jwks_uri"`
	PAREndpoint             string `json:"pushed_authorization_request_endpoint"` // RFC 9126, 5
	IntrospectionEndpoint   string `json:"introspection_endpoint"`
	RevocationEndpoint      string `json:"revocation_endpoint"`
	EndSessionEndpoint      string `json:"end_session_endpoint"`
	GrantManagementEndpoint string `json:"grant_management_endpoint"`

	GrantManagementActionsSupported []string `json:"grant_management_actions_supported"`
	GrantManagementActionRequired   bool     `json:"grant_management_action_required"`

	ScopesSupported        []string `json:"scopes_supported"`
	ClaimsSupported        []string `json:"claims_supported"`
	ClaimTypesSupported    []string `json:"claim_types_supported"`
	ACRValuesSupported     []string `json:"acr_values_supported"`
	ResponseTypesSupported []string `json:"response_types_supported"`
	ResponseModesSupported []string `json:"response_modes_supported"`
	GrantTypesSupported    []string `json:"grant_types_supported"`
	SubjectTypesSupported  []string `json:"subject_types_supported"`
	PromptValuesSupported  []string `json:"prompt_values_supported"`
	DisplayValuesSupported []string `json:"display_values_supported"`
	UILocalesSupported     []string `json:"ui_locales_supported,omitempty"`

	IDTokenAlgorithms           []string `json:"id_token_signing_alg_values_supported"`
	UserinfoAlgorithms          []string `json:"userinfo_signing_alg_values_supported"`
	TokenAuthMethods            []string `json:"token_endpoint_auth_methods_supported"`
	TokenAuthAlgorithms         []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	IntrospectionAuthMethods    []string `json:"introspection_endpoint_auth_methods_supported"`
	IntrospectionAuthAlgorithms []string `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	RevocationAuthMethods       []string `json:"revocation_endpoint_auth_methods_supported"`
	RevocationAuthAlgorithms    []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	DPoPAlgorithms              []string `json:"dpop_signing_alg_values_supported"` // RFC 9449, 5.1
	CodeChallengeMethods        []string `json:"code_challenge_methods_supported"`

	ClaimsParameter          bool `json:"claims_parameter_supported"`
	RequestParameter         bool `json:"request_parameter_supported"`
	RequestURIParameter      bool `json:"request_uri_parameter_supported"`
	RequirePAR               bool `json:"require_pushed_authorization_requests"`
	AuthorizationResponseIss bool `json:"authorization_response_iss_parameter_supported"` // RFC 9207, 3

	AuthorizationDetailsTypes []string `json:"authorization_details_types_supported"`           // RFC 9396, 10
	AnonymousPreAuthorized    bool     `json:"pre-authorized_grant_anonymous_access_supported"` // OpenID4VCI 1.0, 12.3
}

// Config says what of the document is not the same for every deployment.
type Config struct {
	// Issuer is the issuer identifier; all endpoints are under it.
	Issuer string
	// Locales of the pages, as BCP 47 tags.
	Locales []string
	// CredentialScopes are the scopes that ask for credentials.
	CredentialScopes []string
	// GrantTypes that the token endpoint takes.
	GrantTypes []string
	// AnonymousPreAuthorized is set when a wallet may redeem a pre-authorized
	// code without saying who it is.
	AnonymousPreAuthorized bool
}

func (c Config) document() metadata {
	scopes := append([]string{"openid", "offline_access"}, claim.Scopes()...)
	scopes = append(append(scopes, grantquery.Scope), c.CredentialScopes...)
	// RS256 has to be among those of ID tokens (OpenID Connect Discovery, 3).
	own := []string{"ES256", "PS256", "RS256"}
	return metadata{
		Issuer:                  c.Issuer,
		AuthorizationEndpoint:   c.Issuer + "/authorize",
		TokenEndpoint:           c.Issuer + "/token",
		UserinfoEndpoint:        c.Issuer + "/userinfo",
		JWKSURI:                 c.Issuer + "/jwks.json",
		PAREndpoint:             c.Issuer + "/par",
		IntrospectionEndpoint:   c.Issuer + "/introspect",
		RevocationEndpoint:      c.Issuer + "/revoke",
		EndSessionEndpoint:      c.Issuer + "/logout",
		GrantManagementEndpoint: c.Issuer + "/grants",

		GrantManagementActionsSupported: []string{"query"},

		ScopesSupported: scopes,
		ClaimsSupported: append([]string{"iss", "sub", "aud", "exp", "iat", "auth_time", "acr", "amr", "nonce", "sid"}, claim.Supported()...),

		ClaimTypesSupported: []string{"normal"},
		ACRValuesSupported:  []string{authenticator.PIN.ACR(), authenticator.OTP.ACR(), authenticator.Wallet.ACR()},

		ResponseTypesSupported: []string{"code"},
		ResponseModesSupported: []string{"query"},
		GrantTypesSupported:    c.GrantTypes,
		SubjectTypesSupported:  []string{"public", "pairwise"},
		PromptValuesSupported:  []string{"none", "login", "consent", "select_account"},
		DisplayValuesSupported: []string{"page"},
		UILocalesSupported:     c.Locales,

		IDTokenAlgorithms:           own,
		UserinfoAlgorithms:          own,
		TokenAuthMethods:            []string{"private_key_jwt", "none"},
		TokenAuthAlgorithms:         clientauth.Algorithms(),
		IntrospectionAuthMethods:    []string{"private_key_jwt"},
		IntrospectionAuthAlgorithms: clientauth.Algorithms(),
		RevocationAuthMethods:       []string{"private_key_jwt", "none"},
		RevocationAuthAlgorithms:    clientauth.Algorithms(),
		DPoPAlgorithms:              compact.Algorithms(),
		CodeChallengeMethods:        []string{"S256"},

		ClaimsParameter:          true,
		AuthorizationResponseIss: true,

		AuthorizationDetailsTypes: []string{"openid_credential"},
		AnonymousPreAuthorized:    c.AnonymousPreAuthorized,
	}
}
