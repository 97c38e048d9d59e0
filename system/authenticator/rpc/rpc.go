// Package rpc is what provider and plug-in say to each other, as JSON over
// HTTP on a Unix socket: paths, messages, bounds, and how a verdict looks. The
// README of package plugin explains it to authors of plug-ins.
package rpc

import (
	"errors"
	"net/http"

	"tocsin/system/authenticator"
)

// Paths of the calls.
const (
	HandshakePath    = "/v1/handshake"
	HealthPath       = "/v1/health"
	AuthenticatePath = "/v1/authenticate"
	OTPPath          = "/v1/otp"
	ClaimsPath       = "/v1/claims"
)

// Bounds on what either side reads, in bytes.
const (
	MaxRequest = 16 << 10
	MaxAnswer  = 1 << 20 // a portrait fits
)

// Handshake is what a plug-in says of itself when it is started.
type Handshake struct {
	Protocol int                    `json:"protocol"`
	Name     string                 `json:"name"`
	Factors  []authenticator.Factor `json:"factors"`
}

// Person is the answer to an authenticator.Attempt.
type Person struct {
	Person string `json:"person"`
}

// OTPRequest asks for a one-time code to be sent; the answer is an
// authenticator.Delivery.
type OTPRequest struct {
	Transaction  string `json:"transaction"`
	IndividualID string `json:"individual_id"`
}

// ClaimsRequest asks for what is known of a person.
type ClaimsRequest struct {
	Person string   `json:"person"`
	Names  []string `json:"names"`
}

// Claims is the answer to a ClaimsRequest.
type Claims struct {
	Claims map[string]any `json:"claims"`
}

// Problem is the body of an answer that is no success.
type Problem struct {
	Error string `json:"error"`
}

// ErrInvalid means that a request cannot be understood: a fault of the
// provider, no verdict.
var ErrInvalid = errors.New("request of the provider is not understood")

// problems are the failures that have a name. Status and name must agree for a
// verdict to be believed: a proxy's or a crashed handler's 404 is none.
func problems() []problem {
	return []problem{
		{authenticator.ErrMismatch, "mismatch", http.StatusUnprocessableEntity},
		{authenticator.ErrUnknown, "unknown", http.StatusNotFound},
		{authenticator.ErrUnsupported, "unsupported", http.StatusNotImplemented},
		{ErrInvalid, "invalid", http.StatusBadRequest},
	}
}

type problem struct {
	err    error
	name   string
	status int
}

// ProblemOf returns how err is told. What has no name is 503 "unavailable".
func ProblemOf(err error) (status int, body Problem) {
	for _, known := range problems() {
		if errors.Is(err, known.err) {
			return known.status, Problem{Error: known.name}
		}
	}
	return http.StatusServiceUnavailable, Problem{Error: "unavailable"}
}

// Verdict returns the error that status and body tell, or nil when they are
// none of the known ones.
func Verdict(status int, body Problem) error {
	for _, known := range problems() {
		if known.status == status && known.name == body.Error {
			return known.err
		}
	}
	return nil
}
