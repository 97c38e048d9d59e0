// Package oautherr owns the errors of the provider: one typed kind for each
// thing a protocol may say, and its rendering as OAuth JSON. Whatever is not
// such a kind is an infrastructure error and leaves as 503 with Retry-After: a
// client throws its code or credential away on a verdict, and tries again on a
// 503, so a broken store must never sound like a verdict.
package oautherr

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
)

// Kind is an error code of OAuth 2.0, OpenID Connect or bearer tokens.
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
	LoginRequired           Kind = "login_required"            // OpenID Connect Core, 3.1.2.6
	RequestNotSupported     Kind = "request_not_supported"     // OpenID Connect Core, 3.1.2.6
	RequestURINotSupported  Kind = "request_uri_not_supported" // OpenID Connect Core, 3.1.2.6
	InvalidToken            Kind = "invalid_token"             // RFC 6750, 3.1
	InsufficientScope       Kind = "insufficient_scope"        // RFC 6750, 3.1
	NotFound                Kind = "not_found"                 // Grant Management for OAuth 2.0, 6.4

	// TemporarilyUnavailable is how an infrastructure error is told.
	TemporarilyUnavailable Kind = "temporarily_unavailable" // RFC 6749, 4.1.2.1
)

// RetryAfter is the advice, in seconds, that goes with every 503: failovers
// here take seconds, not minutes.
const RetryAfter = "1"

// Error is a verdict on a request. Description is for the developer of the
// client and holds nothing secret.
type Error struct {
	Kind        Kind
	Description string
}

// New returns a verdict.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Description: fmt.Sprintf(format, args...)}
}

func (e *Error) Error() string { return string(e.Kind) + ": " + e.Description }

// Verdict returns the verdict in err, or nil when err is an infrastructure error.
func Verdict(err error) *Error {
	var verdict *Error
	if errors.As(err, &verdict) {
		return verdict
	}
	return nil
}

// Status is the HTTP status of err as an answer.
func Status(err error) int {
	verdict := Verdict(err)
	if verdict == nil {
		return http.StatusServiceUnavailable
	}
	switch verdict.Kind {
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

// body is the JSON form of RFC 6749, 5.2.
type body struct {
	Error       Kind   `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// WriteJSON answers with err.
func WriteJSON(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	answer := body{Error: TemporarilyUnavailable, Description: "the service cannot answer now; try again"}
	if verdict := Verdict(err); verdict != nil {
		answer = body{Error: verdict.Kind, Description: verdict.Description}
	}
	Log(r, log, err)
	status := Status(err)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", RetryAfter)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		log.DebugContext(r.Context(), "write error answer", "error", err)
	}
}

// Log writes err down: verdicts for whoever debugs a client, the rest as warnings.
func Log(r *http.Request, log *slog.Logger, err error) {
	if Verdict(err) != nil {
		log.InfoContext(r.Context(), "request refused", "path", r.URL.Path, "error", err)
		return
	}
	log.WarnContext(r.Context(), "request failed for an infrastructure reason", "path", r.URL.Path, "error", err)
}
