package oautherr

import "net/http"

// Kind is an error code of OAuth 2.0, OpenID Connect or OpenID4VCI.
type Kind string

// The verdicts this provider gives; each is about the request, never about the
// provider's own state.
const (
	InvalidRequest          Kind = "invalid_request"           // RFC 6749, 4.1.2.1 and 5.2
	InvalidClient           Kind = "invalid_client"            // RFC 6749, 5.2
	InvalidGrant            Kind = "invalid_grant"             // RFC 6749, 5.2
	UnauthorizedClient      Kind = "unauthorized_client"       // RFC 6749, 5.2
	UnsupportedGrantType    Kind = "unsupported_grant_type"    // RFC 6749, 5.2
	UnsupportedResponseType Kind = "unsupported_response_type" // RFC 6749, 4.1.2.1
	InvalidScope            Kind = "invalid_scope"             // RFC 6749, 5.2
	AccessDenied            Kind = "access_denied"             // RFC 6749, 4.1.2.1
	UnsupportedTokenType    Kind = "unsupported_token_type"    // RFC 7009, 2.2.1
	InvalidTarget           Kind = "invalid_target"            // RFC 8707, 2

	LoginRequired            Kind = "login_required"             // OpenID Connect Core, 3.1.2.6
	ConsentRequired          Kind = "consent_required"           // OpenID Connect Core, 3.1.2.6
	InteractionRequired      Kind = "interaction_required"       // OpenID Connect Core, 3.1.2.6
	AccountSelectionRequired Kind = "account_selection_required" // OpenID Connect Core, 3.1.2.6
	InvalidRequestURI        Kind = "invalid_request_uri"        // OpenID Connect Core, 3.1.2.6
	InvalidRequestObject     Kind = "invalid_request_object"     // OpenID Connect Core, 3.1.2.6
	RequestNotSupported      Kind = "request_not_supported"      // OpenID Connect Core, 3.1.2.6
	RequestURINotSupported   Kind = "request_uri_not_supported"  // OpenID Connect Core, 3.1.2.6
	RegistrationNotSupported Kind = "registration_not_supported" // OpenID Connect Core, 3.1.2.6
	// UnmetAuthenticationRequirements is of the OpenID Connect specification of
	// the same name, 2.
	UnmetAuthenticationRequirements Kind = "unmet_authentication_requirements"
	InvalidAuthorizationDetails     Kind = "invalid_authorization_details" // RFC 9396, 5

	InvalidDPoPProof Kind = "invalid_dpop_proof" // RFC 9449, 5 and 7.1
	UseDPoPNonce     Kind = "use_dpop_nonce"     // RFC 9449, 8 and 9

	InvalidToken      Kind = "invalid_token"      // RFC 6750, 3.1
	InsufficientScope Kind = "insufficient_scope" // RFC 6750, 3.1
	NotFound          Kind = "not_found"          // Grant Management for OAuth 2.0, 6.4

	InvalidCredentialRequest       Kind = "invalid_credential_request"       // OpenID4VCI 1.0, 8.3.1.2
	UnknownCredentialConfiguration Kind = "unknown_credential_configuration" // OpenID4VCI 1.0, 8.3.1.2
	UnknownCredentialIdentifier    Kind = "unknown_credential_identifier"    // OpenID4VCI 1.0, 8.3.1.2
	InvalidProof                   Kind = "invalid_proof"                    // OpenID4VCI 1.0, 8.3.1.2
	InvalidNonce                   Kind = "invalid_nonce"                    // OpenID4VCI 1.0, 8.3.1.2
	InvalidEncryptionParameters    Kind = "invalid_encryption_parameters"    // OpenID4VCI 1.0, 8.3.1.2
	// CredentialRequestDenied makes wallets give up for good.
	CredentialRequestDenied    Kind = "credential_request_denied"    // OpenID4VCI 1.0, 8.3.1.2
	InvalidTransactionID       Kind = "invalid_transaction_id"       // OpenID4VCI 1.0, 9.3
	InvalidNotificationID      Kind = "invalid_notification_id"      // OpenID4VCI 1.0, 11.3
	InvalidNotificationRequest Kind = "invalid_notification_request" // OpenID4VCI 1.0, 11.3

	// TemporarilyUnavailable is how an infrastructure error is told.
	TemporarilyUnavailable Kind = "temporarily_unavailable" // RFC 6749, 4.1.2.1
)

// status is the HTTP status of a verdict where the authorization server gives it.
func (k Kind) status() int {
	switch k {
	case InvalidClient, InvalidToken:
		return http.StatusUnauthorized
	case InsufficientScope:
		return http.StatusForbidden
	case NotFound:
		return http.StatusNotFound
	default:
		return http.StatusBadRequest
	}
}
