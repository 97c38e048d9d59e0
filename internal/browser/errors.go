package browser

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

var (
	// ErrMissing is wrapped by errors about a machine without Chromium.
	ErrMissing = errors.New("no Chromium on this machine")
	// ErrCrashed is wrapped by errors about a Chromium, or the part of it that
	// renders a page, that ended by itself.
	ErrCrashed = errors.New("the browser crashed")
	// ErrMemory is wrapped by errors about a Chromium that was ended because
	// its pages used too much memory.
	ErrMemory = errors.New("the browser used too much memory")
	// ErrTooMuch is wrapped by errors about a page that never stops fetching.
	ErrTooMuch = errors.New("the page fetches too much")
	// ErrCircles is wrapped by errors about redirects that do not end.
	ErrCircles = errors.New("redirects lead in circles")
)

// UnreachableError means that the page itself could not be fetched: its server
// refused, did not answer, or showed a certificate that is not trusted. It is a
// finding about the target.
type UnreachableError struct {
	URL string // without its query
	Err error
}

func (e *UnreachableError) Error() string {
	if e.Certificate() {
		return fmt.Sprintf("certificate of %s is not trusted: %v", e.URL, e.cause())
	}
	return fmt.Sprintf("%s is unreachable: %v", e.URL, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// Certificate reports whether the server was there with a certificate that is
// foreign, expired or made out to somebody else.
func (e *UnreachableError) Certificate() bool {
	var failed *tls.CertificateVerificationError
	return errors.As(e.Err, &failed)
}

// cause drops the layers around what is wrong with the certificate.
func (e *UnreachableError) cause() error {
	var failed *tls.CertificateVerificationError
	if !errors.As(e.Err, &failed) {
		return e.Err
	}
	var unknown x509.UnknownAuthorityError
	if errors.As(failed.Err, &unknown) {
		return unknown
	}
	return failed.Err
}

// WithoutQuery renders an address for people and files: a query may hold what
// must not be stored.
func WithoutQuery(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		before, _, _ := strings.Cut(address, "?")
		return before
	}
	parsed.RawQuery, parsed.Fragment, parsed.User = "", "", nil
	return parsed.String()
}
