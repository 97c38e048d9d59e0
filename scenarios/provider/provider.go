package provider

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/internal/telemetry"
)

// maxBody bounds what is read of one answer, in bytes.
const maxBody = 1 << 20

// ErrDiscovery says that the target's metadata could not be had: it is not
// reachable, not trusted, or not what it says it is.
var ErrDiscovery = errors.New("discovery failed")

// Metadata is the part of the discovery document (OpenID Connect Discovery 1.0
// section 3) that scenarios use.
type Metadata struct {
	Issuer        string `json:"issuer"`
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	Userinfo      string `json:"userinfo_endpoint"`
	// Grants is the endpoint of Grant Management for OAuth 2.0, where consents
	// can be read back; empty where there is none.
	Grants string `json:"grant_management_endpoint"`
}

// Config of a Client.
type Config struct {
	Issuer      string
	ClientID    string
	KeyFile     string
	RedirectURI string
	RunID       string
	HTTP        *http.Client
}

// Client is the synthetic OAuth client of one run.
type Client struct {
	config   Config
	key      jose.JSONWebKey
	trace    telemetry.Trace
	Metadata Metadata
}

// Discover reads the client's key and the target's metadata. It fails with
// ErrDiscovery also when the document names another issuer than it was asked of
// (section 4.3).
func Discover(ctx context.Context, config Config) (*Client, error) {
	key, err := readKey(config.KeyFile)
	if err != nil {
		return nil, err
	}
	client := &Client{config: config, key: key, trace: telemetry.NewTrace()}
	if err := client.discover(ctx); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDiscovery, config.Issuer, err)
	}
	return client, nil
}

func (c *Client) discover(ctx context.Context) error {
	address := strings.TrimSuffix(c.config.Issuer, "/") + "/.well-known/openid-configuration"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	answer, err := c.do(request)
	if err != nil {
		return err
	}
	if answer.Status != http.StatusOK {
		return fmt.Errorf("status %d", answer.Status)
	}
	if err := json.Unmarshal(answer.Body, &c.Metadata); err != nil {
		return fmt.Errorf("read document: %w", err)
	}
	if c.Metadata.Issuer != c.config.Issuer {
		return fmt.Errorf("the document names issuer %q", c.Metadata.Issuer)
	}
	if c.Metadata.Authorization == "" || c.Metadata.Token == "" {
		return errors.New("the document lacks authorization_endpoint or token_endpoint")
	}
	return nil
}

func readKey(path string) (jose.JSONWebKey, error) {
	var key jose.JSONWebKey
	data, err := os.ReadFile(path)
	if err != nil {
		return key, fmt.Errorf("read client key: %w", err)
	}
	if err := json.Unmarshal(data, &key); err != nil {
		return key, fmt.Errorf("read client key %s: %w", path, err)
	}
	if _, ok := key.Key.(*ecdsa.PrivateKey); !ok {
		return key, fmt.Errorf("read client key %s: it is no private EC key", path)
	}
	return key, nil
}

// Answer is one HTTP answer, read to its end.
type Answer struct {
	Status     int
	Body       []byte
	RetryAfter string
}

// OAuthError is the "error" of a JSON body (RFC 6749 section 5.2), or empty.
func (a Answer) OAuthError() string {
	var body struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(a.Body, &body) != nil {
		return ""
	}
	return body.Error
}

func (c *Client) do(request *http.Request) (answer Answer, err error) {
	telemetry.Mark(request.Header, c.trace.Child(), c.config.RunID)
	response, err := c.config.HTTP.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return Answer{}, fmt.Errorf("read answer: %w", err)
	}
	return Answer{Status: response.StatusCode, Body: body, RetryAfter: response.Header.Get("Retry-After")}, nil
}

func (c *Client) token(ctx context.Context, form url.Values) (Answer, error) {
	assertion, err := c.assertion(time.Now())
	if err != nil {
		return Answer{}, err
	}
	form.Set("client_id", c.config.ClientID)
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", assertion)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Metadata.Token, strings.NewReader(form.Encode()))
	if err != nil {
		return Answer{}, fmt.Errorf("make token request: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	return c.do(request)
}
