package esignet

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"tocsin/system/identity/attempts"
	"tocsin/system/identity/authorize"
	"tocsin/system/identity/clientadmin"
	"tocsin/system/identity/login"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/transaction"
)

// errorCode is an error code of eSignet.
type errorCode string

// The codes that are given here.
const (
	authFailed             errorCode = "auth_failed"
	authFactorMismatch     errorCode = "auth_factor_mismatch"
	duplicateClientID      errorCode = "duplicate_client_id"
	individualIDBlocked    errorCode = "individual_id_blocked"
	invalidAcceptedClaim   errorCode = "invalid_accepted_claim"
	invalidACR             errorCode = "invalid_acr"
	invalidAdditional      errorCode = "invalid_additional_config"
	invalidAlgorithm       errorCode = "invalid_algorithm"
	invalidChallenge       errorCode = "invalid_challenge"
	invalidChallengeFormat errorCode = "invalid_challenge_format"
	invalidClaim           errorCode = "invalid_claim"
	invalidClientAuth      errorCode = "invalid_client_auth"
	invalidClientID        errorCode = "invalid_client_id"
	invalidClientName      errorCode = "invalid_client_name"
	invalidCSRF            errorCode = "invalid_csrf_token" //nolint:gosec // a code, not a credential
	invalidDisplay         errorCode = "invalid_display"
	invalidFactorType      errorCode = "invalid_auth_factor_type"
	invalidIdentifier      errorCode = "invalid_identifier"
	invalidInput           errorCode = "invalid_input"
	invalidLanguage        errorCode = "invalid_language_code"
	invalidNoOfChallenges  errorCode = "invalid_no_of_challenges"
	invalidOTPChannel      errorCode = "invalid_otp_channel"
	invalidPermittedScope  errorCode = "invalid_permitted_scope"
	invalidPKCE            errorCode = "invalid_pkce_challenge"
	invalidPrompt          errorCode = "invalid_prompt"
	invalidPublicKey       errorCode = "invalid_public_key"
	invalidRedirectURI     errorCode = "invalid_redirect_uri"
	invalidRequest         errorCode = "invalid_request"
	invalidResponseType    errorCode = "invalid_response_type"
	invalidRPID            errorCode = "invalid_rp_id"
	invalidScope           errorCode = "invalid_scope"
	invalidStatus          errorCode = "invalid_status"
	invalidTransaction     errorCode = "invalid_transaction"
	invalidURI             errorCode = "invalid_uri"
	loginRequired          errorCode = "login_required"
	missingHeader          errorCode = "missing_header"
	noAttemptsLeft         errorCode = "no_attempts_left"
	noSuchEndpoint         errorCode = "not_found"
	payloadTooLarge        errorCode = "payload_too_large"
	requestNotSupported    errorCode = "request_not_supported"
	unknownError           errorCode = "unknown_error"
	unsupportedGrantType   errorCode = "unsupported_grant_type"
	unsupportedPKCEMethod  errorCode = "unsupported_pkce_challenge_method"
	usePKCE                errorCode = "use_pkce"
)

// status is the HTTP status that a code deserves.
func (c errorCode) status() int {
	switch c {
	case invalidCSRF:
		return http.StatusForbidden
	case invalidTransaction, noSuchEndpoint:
		return http.StatusNotFound
	case payloadTooLarge:
		return http.StatusRequestEntityTooLarge
	case authFailed, authFactorMismatch:
		return http.StatusUnprocessableEntity
	case noAttemptsLeft, individualIDBlocked:
		return http.StatusTooManyRequests
	}
	return http.StatusBadRequest
}

// verdict is an error about the request, with one code or more.
type verdict struct{ reasons []reason }

type reason struct {
	code    errorCode
	message string
}

func (v *verdict) Error() string {
	return fmt.Sprintf("%s: %s", v.reasons[0].code, v.reasons[0].message)
}

func refuse(code errorCode, message string, args ...any) error {
	return &verdict{[]reason{{code, fmt.Sprintf(message, args...)}}}
}

// verdictOf returns what err says about the request, or nil when it says
// nothing: then it is an infrastructure error.
func verdictOf(err error) *verdict {
	var own *verdict
	if errors.As(err, &own) {
		return own
	}
	var invalid *clientadmin.InvalidError
	if errors.As(err, &invalid) {
		return registrationVerdict(invalid)
	}
	for _, known := range []struct {
		err     error
		code    errorCode
		message string
	}{
		{transaction.ErrGone, invalidTransaction, "the transaction has expired"},
		{transaction.ErrTooLarge, invalidRequest, "the parameters are too large together"},
		{login.ErrMismatch, authFailed, "id and challenge do not belong together"},
		{login.ErrNotAuthenticated, invalidTransaction, "nobody has logged in yet"},
		{login.ErrUnsupported, authFactorMismatch, "this login cannot be done with that factor"},
		{attempts.ErrLocked, noAttemptsLeft, "there were too many attempts"},
		{clientadmin.ErrExists, duplicateClientID, "another client has this id"},
		{clientadmin.ErrUnknown, invalidClientID, "the client is not known"},
	} {
		if errors.Is(err, known.err) {
			return &verdict{[]reason{{known.code, known.message}}}
		}
	}
	if refused := refusal(err); refused != nil {
		return refused
	}
	if oauth := oautherr.Verdict(err); oauth != nil {
		return &verdict{[]reason{{codeOf(oauth.Kind), oauth.Description}}}
	}
	return nil
}

// refusal reads a refusal that was made for the client's redirect URI. One that
// only says that this provider cannot answer is no verdict.
func refusal(err error) *verdict {
	var refused *authorize.Refusal
	if !errors.As(err, &refused) {
		return nil
	}
	return refusalAt(refused.Location)
}

// refusalAt reads the error out of an address at the client.
func refusalAt(location string) *verdict {
	address, err := url.Parse(location)
	if err != nil {
		return nil
	}
	answer := address.Query()
	kind := oautherr.Kind(answer.Get("error"))
	if kind == "" || kind == oautherr.TemporarilyUnavailable {
		return nil
	}
	return &verdict{[]reason{{codeOf(kind), answer.Get("error_description")}}}
}

// codeOf returns the code for an OAuth error.
func codeOf(kind oautherr.Kind) errorCode {
	switch kind {
	case oautherr.InvalidScope:
		return invalidScope
	case oautherr.LoginRequired, oautherr.ConsentRequired:
		return loginRequired
	case oautherr.RequestNotSupported, oautherr.RequestURINotSupported, oautherr.RegistrationNotSupported:
		return requestNotSupported
	case oautherr.UnsupportedResponseType:
		return invalidResponseType
	case oautherr.UnauthorizedClient, oautherr.InvalidClient:
		return invalidClientID
	case oautherr.UnmetAuthenticationRequirements:
		return invalidACR
	}
	return invalidRequest
}
