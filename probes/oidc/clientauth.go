package oidc

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Post sends values to an endpoint that knows the client: token, PAR,
// introspection, revocation. The client authenticates itself as the target file
// says, and proves its key where the tokens are bound to one.
func (s *Session) Post(ctx context.Context, endpoint string, values url.Values) (*exchange.Reply, error) {
	return s.postAs(ctx, s.cfg.Client.Credentials(), endpoint, values)
}

func (s *Session) postAs(ctx context.Context, client target.Credentials, endpoint string, values url.Values) (*exchange.Reply, error) {
	return s.proven(ctx, "", func(ctx context.Context) (*http.Request, error) {
		return s.formRequest(ctx, client, endpoint, values)
	})
}

// formRequest makes the request anew for each try: an assertion is good once.
func (s *Session) formRequest(ctx context.Context, client target.Credentials, endpoint string, values url.Values) (*http.Request, error) {
	sent := make(url.Values, len(values)+3)
	for name, value := range values {
		sent[name] = value
	}
	header, err := s.authenticate(client, sent)
	if err != nil {
		return nil, exchange.Ownf(verdict.OwnConfig, err, "the client cannot authenticate itself: %v", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(sent.Encode()))
	if err != nil {
		return nil, exchange.Brokenf(verdict.Content, "the endpoint %q is no URL: %v", endpoint, err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", journey.AcceptJSON)
	if header != "" {
		request.Header.Set("Authorization", header)
	}
	return request, nil
}

// authenticate adds to values what proves who the client is, and returns the
// Authorization header where that carries the proof.
func (s *Session) authenticate(client target.Credentials, values url.Values) (string, error) {
	switch client.Auth {
	case target.AuthNone:
		values.Set("client_id", client.ID)
		return "", nil
	case target.AuthClientSecretBasic, target.AuthClientSecretPost:
		secret, err := target.ReadSecret(client.SecretFile)
		if err != nil {
			return "", fmt.Errorf("client secret: %w", err)
		}
		if client.Auth == target.AuthClientSecretBasic {
			return basic(client.ID, secret), nil
		}
		values.Set("client_id", client.ID)
		values.Set("client_secret", secret)
		return "", nil
	case target.AuthPrivateKeyJWT, "":
		signed, err := assertion(client.KeyFile, client.ID, s.issuer(), s.Now())
		if err != nil {
			return "", err
		}
		values.Set("client_id", client.ID)
		values.Set("client_assertion_type", assertionType)
		values.Set("client_assertion", signed)
		return "", nil
	}
	return "", fmt.Errorf("client authentication %q is not known", client.Auth)
}

// basic encodes id and secret as forms are before it joins them (RFC 6749,
// section 2.3.1).
func basic(id, secret string) string {
	request := http.Request{Header: http.Header{}}
	request.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	return request.Header.Get("Authorization")
}
