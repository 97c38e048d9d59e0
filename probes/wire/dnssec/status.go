package dnssec

import (
	"errors"
	"fmt"
	"time"

	"github.com/miekg/dns"
)

// Status of an answer (RFC 4033, section 5).
type Status string

// The four states.
const (
	// Secure answers are signed all the way from the anchor.
	Secure Status = "secure"
	// Insecure answers are below a delegation that is proven to be unsigned.
	Insecure Status = "insecure"
	// Bogus answers should be signed and are not, or not rightly.
	Bogus Status = "bogus"
	// Indeterminate answers could not be judged: no anchor is above them, or
	// what is needed could not be asked.
	Indeterminate Status = "indeterminate"
)

// Finding is what validation found about one question.
type Finding struct {
	Status Status
	// Why in a sentence; empty where Status is Secure.
	Why string
	// Records of the answer, without signatures. Empty where it is negative.
	Records []dns.RR
	// NXDomain is true where the name does not exist.
	NXDomain bool
	// Zones from the anchor down to the one that answered, those of aliases on
	// the way included.
	Zones []string
	// Expires is when the first signature in the chain expires.
	Expires time.Time
	// ExpiresAt names what that signature is over.
	ExpiresAt string
	// Weak are the keys and digests below the policy that the chain rests on.
	Weak []string
}

// flaw ends a validation with a status.
type flaw struct {
	status Status
	why    string
}

func (f *flaw) Error() string { return string(f.status) + ": " + f.why }

func bogusf(format string, values ...any) error {
	return &flaw{Bogus, fmt.Sprintf(format, values...)}
}

func insecuref(format string, values ...any) error {
	return &flaw{Insecure, fmt.Sprintf(format, values...)}
}

func isBogus(err error) bool {
	var found *flaw
	return errors.As(err, &found) && found.status == Bogus
}
