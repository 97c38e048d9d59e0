package baseline

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"
)

// answer of an object store.
type answer struct {
	status int
	// code says what is wrong, in the words of S3; empty where the answer holds none.
	code string
	etag string
	// region where the bucket is, if the store says so.
	region  string
	content []byte
}

const noSuchKey = "NoSuchKey"

// codeOf is what a code looks like: anything else from a stranger is not repeated.
var codeOf = regexp.MustCompile(`^[A-Za-z0-9.]{1,64}$`)

// errorCode takes the code only. The rest of such an answer can repeat what we
// sent, with the id of our key in it.
func errorCode(content []byte) string {
	var body struct {
		XMLName xml.Name `xml:"Error"`
		Code    string   `xml:"Code"`
	}
	if err := xml.Unmarshal(content, &body); err != nil || !codeOf.MatchString(body.Code) {
		return ""
	}
	return body.Code
}

// busy is an answer that says that nothing was done: ask again later.
func (a answer) busy() bool {
	return strings.HasPrefix(a.code, "SlowDown") || a.status == http.StatusTooManyRequests
}

// broken is an answer after which something may have been done.
func (a answer) broken() bool {
	return a.status >= http.StatusInternalServerError && a.status != http.StatusNotImplemented
}

// unmet is the answer to a write whose condition does not hold: the object is
// another one, is being replaced at this moment, or has gone.
func (a answer) unmet() bool {
	return a.status == http.StatusPreconditionFailed || a.code == "ConditionalRequestConflict" || a.code == noSuchKey
}

// refusal says what to do about an answer that is no success.
func (b *bucket) refusal(a answer) error {
	said := fmt.Sprintf("%s answers %d %s", b.endpoint, a.status, a.code)
	switch a.code {
	case "":
		return fmt.Errorf("%s answers %d and not as an object store does: check AWS_ENDPOINT_URL", b.endpoint, a.status)
	case "NoSuchBucket":
		return fmt.Errorf("%s: there is no bucket %s: create it, or correct the location", said, b.bucket)
	case "AccessDenied", "AllAccessDisabled":
		return fmt.Errorf("%s: allow this key s3:GetObject, s3:PutObject and s3:ListBucket on bucket %s (without the last, what is missing looks forbidden)", said, b.bucket)
	case "InvalidAccessKeyId":
		return fmt.Errorf("%s: the store does not know this access key: check AWS_ACCESS_KEY_ID", said)
	case "SignatureDoesNotMatch":
		return fmt.Errorf("%s: the secret does not belong to the access key: check AWS_SECRET_ACCESS_KEY", said)
	case "ExpiredToken", "InvalidToken", "TokenRefreshRequired":
		return fmt.Errorf("%s: the session has ended: log in again and renew AWS_SESSION_TOKEN and its keys", said)
	case "RequestTimeTooSkewed", "RequestExpired":
		return fmt.Errorf("%s: the clocks differ too much: set the clock of this machine", said)
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "TemporaryRedirect":
		if bucketName.MatchString(a.region) && a.region != b.endpoint.region {
			return fmt.Errorf("%s: bucket %s is in another region: set AWS_REGION=%s", said, b.bucket, a.region)
		}
		return fmt.Errorf("%s: bucket %s is elsewhere: check AWS_REGION (now %s) and AWS_ENDPOINT_URL", said, b.bucket, b.endpoint.region)
	case "NotImplemented":
		return fmt.Errorf("%s: the store does not know conditional writes (If-Match): use a newer version of it, another one, or a folder in Git", said)
	case "SlowDown", "SlowDownRead", "SlowDownWrite", "ServiceUnavailable", "InternalError":
		return fmt.Errorf("%s: the store cannot answer now: try again later", said)
	}
	return errors.New(said)
}

// credentialsError is of keys that are fetched for each use.
type credentialsError struct{ err error }

func (e *credentialsError) Error() string {
	return fmt.Sprintf("no credentials for the object store: %s (the role of this container or machine gives none: %v)", nextStep, e.err)
}

func (e *credentialsError) Unwrap() error { return e.err }

// hopeless is an error that the next attempt meets again.
func hopeless(err error) bool {
	var certificate *tls.CertificateVerificationError
	var credentials *credentialsError
	var name *net.DNSError
	return errors.As(err, &certificate) || errors.As(err, &credentials) || errors.Is(err, errTooLarge) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.As(err, &name) && name.IsNotFound
}

// unreachable says what to do about an answer that did not come.
func (b *bucket) unreachable(err error) error {
	if asked := (*url.Error)(nil); errors.As(err, &asked) {
		err = asked.Err
	}
	var (
		invalid  x509.CertificateInvalidError
		stranger x509.UnknownAuthorityError
		named    x509.HostnameError
	)
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("certificate of %s has expired, or the clock of this machine is wrong: renew it there: %w", b.endpoint, err)
	case errors.As(err, &stranger):
		return fmt.Errorf("certificate of %s is signed by an authority that is not known here: name the authority's file in AWS_CA_BUNDLE: %w", b.endpoint, err)
	case errors.As(err, &named):
		return fmt.Errorf("certificate of %s is of another host: check AWS_ENDPOINT_URL: %w", b.endpoint, err)
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%s did not answer in time (%s): %w", b.endpoint, b.timeout, err)
	}
	return fmt.Errorf("cannot reach %s: check AWS_ENDPOINT_URL, and that the store runs: %w", b.endpoint, err)
}

// newClient follows no redirects, as a signature is for one host only, and lets
// no proxy or store change the bytes on the way.
func newClient(authorities string) (*http.Client, error) {
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if authorities != "" {
		content, err := os.ReadFile(authorities)
		if err != nil {
			return nil, fmt.Errorf("read AWS_CA_BUNDLE: %w", err)
		}
		if trust.RootCAs = x509.NewCertPool(); !trust.RootCAs.AppendCertsFromPEM(content) {
			return nil, fmt.Errorf("AWS_CA_BUNDLE: there is no certificate in %s: name a PEM file", authorities)
		}
	}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSClientConfig:       trust,
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: 30 * time.Second,
			IdleConnTimeout:       10 * time.Second,
			DisableCompression:    true,
			ForceAttemptHTTP2:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}
