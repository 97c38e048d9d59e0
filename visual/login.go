package visual

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tocsin/internal/browser"
	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/visual/checks"
)

// Values of the authorization request that nobody will redeem: the same each
// time, so that a page that shows one of them still looks the same.
const (
	fixedState    = "tocsin-visual"
	fixedNonce    = "tocsin-visual"
	fixedVerifier = "tocsin-visual-code-verifier-that-is-never-redeemed"
)

const (
	discoveryTimeout = 10 * time.Second
	discoveryLimit   = 1 << 20
)

// discoveryError means that the target does not tell where its login begins.
type discoveryError struct {
	reason verdict.Reason
	err    error
}

func (e *discoveryError) Error() string { return "discovery: " + e.err.Error() }

func (e *discoveryError) Unwrap() error { return e.err }

// authorizationURL builds a fresh authorization request (OpenID Connect Core,
// section 3.1.2.1, with PKCE) from what the issuer publishes.
func authorizationURL(ctx context.Context, to *target.Target, shot checks.Shot, mark func(http.Header)) (string, error) {
	endpoint, err := discover(ctx, to, mark)
	if err != nil {
		return "", err
	}
	address, err := url.Parse(endpoint)
	if err != nil || address.Host == "" {
		return "", &discoveryError{verdict.Content, fmt.Errorf("authorization_endpoint %q is not a URL", endpoint)}
	}
	challenge := sha256.Sum256([]byte(fixedVerifier))
	query := address.Query()
	for key, value := range map[string]string{
		"response_type":         "code",
		"client_id":             to.Client.ID,
		"redirect_uri":          to.Client.RedirectURI,
		"scope":                 strings.Join(to.Client.Scopes, " "),
		"state":                 fixedState,
		"nonce":                 fixedNonce,
		"code_challenge":        base64.RawURLEncoding.EncodeToString(challenge[:]),
		"code_challenge_method": "S256",
		"prompt":                "login",
		"ui_locales":            shot.Locale,
	} {
		query.Set(key, value)
	}
	for key, value := range shot.Parameters {
		query.Set(key, value)
	}
	address.RawQuery = query.Encode()
	return address.String(), nil
}

// discover reads the authorization endpoint (OpenID Connect Discovery, section
// 4). It fails with a *discoveryError for which the target is to blame.
func discover(ctx context.Context, to *target.Target, mark func(http.Header)) (_ string, err error) {
	settings, err := to.TLSConfig()
	if err != nil {
		return "", &ownConfigError{err}
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: settings, ForceAttemptHTTP2: true, DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: discoveryTimeout}
	address := to.Issuer + "/.well-known/openid-configuration"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", fmt.Errorf("make discovery request: %w", err)
	}
	mark(request.Header)
	response, err := client.Do(request)
	if err != nil {
		return "", unreachable(address, err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		reason := verdict.Status
		if response.StatusCode >= http.StatusInternalServerError || response.StatusCode == http.StatusTooManyRequests {
			reason = verdict.Unavailable
		}
		return "", &discoveryError{reason, fmt.Errorf("%s answered %s", address, response.Status)}
	}
	var metadata struct {
		Issuer   string `json:"issuer"`
		Endpoint string `json:"authorization_endpoint"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, discoveryLimit)).Decode(&metadata); err != nil {
		return "", &discoveryError{verdict.Content, fmt.Errorf("%s is not JSON metadata: %w", address, err)}
	}
	if strings.TrimSuffix(metadata.Issuer, "/") != to.Issuer {
		return "", &discoveryError{verdict.Content, fmt.Errorf("%s names the issuer %q, not %q", address, metadata.Issuer, to.Issuer)}
	}
	return metadata.Endpoint, nil
}

// unreachable gives a failed discovery request the form of a page's.
func unreachable(address string, err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return &browser.UnreachableError{URL: address, Err: err}
}
