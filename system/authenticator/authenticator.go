// Package authenticator is the contract between the provider and the system
// that knows people: who somebody is, and what is known of them. It is carried
// out by a plug-in, a separate process that the provider starts (package host)
// and talks to over HTTP on a Unix socket; package plugin serves one, and
// package mockid is one.
package authenticator

import (
	"context"
	"errors"
)

// Version of the protocol. A plug-in that speaks another major version is refused.
const Version = 1

// Factor is how somebody proves who they are. Names are those of eSignet's
// authentication factors.
type Factor string

// The factors.
const (
	PIN    Factor = "PIN"
	OTP    Factor = "OTP"
	Wallet Factor = "WLA"
)

// ACR returns the authentication context class of a factor, and Methods its
// amr values (RFC 8176).
func (f Factor) ACR() string {
	switch f {
	case PIN:
		return "mosip:idp:acr:static-code"
	case OTP:
		return "mosip:idp:acr:generated-code"
	case Wallet:
		return "mosip:idp:acr:linked-wallet"
	}
	return ""
}

// Methods returns the amr values of the factor (RFC 8176).
func (f Factor) Methods() []string {
	switch f {
	case PIN:
		return []string{"pin"}
	case OTP:
		return []string{"otp"}
	case Wallet:
		return []string{"swk", "pin"}
	}
	return nil
}

// FactorOf returns the factor with the given acr.
func FactorOf(acr string) (Factor, bool) {
	for _, factor := range []Factor{PIN, OTP, Wallet} {
		if factor.ACR() == acr {
			return factor, true
		}
	}
	return "", false
}

// Verdicts of a plug-in; any other error says nothing about the person.
var (
	// ErrMismatch means that id and challenge do not belong together; it does
	// not tell whether the id exists.
	ErrMismatch = errors.New("individual id and challenge do not match")
	// ErrUnknown means that there is no such person (only from Claims).
	ErrUnknown = errors.New("person is not known")
	// ErrUnsupported means that the plug-in cannot do this at all.
	ErrUnsupported = errors.New("authenticator does not support this")
)

// Attempt is one try to prove an identity.
type Attempt struct {
	// Transaction names the login; one-time codes are good for one only.
	Transaction  string `json:"transaction"`
	IndividualID string `json:"individual_id"`
	Factor       Factor `json:"factor"`
	Challenge    string `json:"challenge"`
}

// Delivery says where a one-time code went, masked for showing.
type Delivery struct {
	MaskedEmail string `json:"masked_email,omitempty"`
	MaskedPhone string `json:"masked_phone,omitempty"`
}

// Authenticator knows people.
type Authenticator interface {
	// Authenticate returns a stable reference to the person, meaningful to this
	// authenticator only, or ErrMismatch.
	Authenticate(ctx context.Context, attempt Attempt) (person string, err error)
	// SendOTP sends a one-time code for the transaction. It succeeds for
	// unknown ids too, and then sends nothing.
	SendOTP(ctx context.Context, transaction, individualID string) (*Delivery, error)
	// Claims returns those of names that are known of person, with the names of
	// OpenID Connect Core 5.1; "portrait" is a JPEG photograph in base64.
	Claims(ctx context.Context, person string, names []string) (map[string]any, error)
}
