package conformance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/oidc"
)

// clientChecks are right requests by a client that does not prove who it is.
func clientChecks() []check {
	return []check{
		{name: "client-wrong", module: "fapi2-security-profile-final-ensure-client-assertion-in-token-endpoint", skip: public, look: impostor("a client that proves itself wrongly", wrongProof)},
		{name: "client-unproven", module: "fapi2-security-profile-final-ensure-client-assertion-in-token-endpoint", skip: public, look: impostor("a client that only says who it is", noProof)},
		{name: "assertion-unsigned", module: "fapi2-security-profile-final-ensure-signed-client-assertion-with-RS256-fails", skip: keyless, look: impostor("a client assertion that is not signed (alg none)", unsigned)},
		{name: "assertion-expired", module: "fapi2-security-profile-final-ensure-client-assertion-with-exp-is-5-minutes-in-past-fails", skip: keyless, look: impostor("a client assertion that expired ten minutes ago", expired)},
		{name: "assertion-wrong-audience", module: "fapi2-security-profile-final-ensure-client-assertion-with-wrong-aud-fails", skip: keyless, look: impostor("a client assertion for somebody else", misdirected)},
		{name: "grant-type-unknown", look: asking((*session).unknownGrant)},
	}
}

func public(s *session) string {
	if s.Config().Client.Auth == target.AuthNone {
		return "the client is public: it proves nothing"
	}
	return ""
}

func keyless(s *session) string {
	if auth := s.Config().Client.Auth; auth != target.AuthPrivateKeyJWT && auth != "" {
		return "the client proves itself by " + auth + ", not by assertions"
	}
	return ""
}

// spoiler adds to a token request what says, wrongly, who the client is. It
// returns the Authorization header, if it has one.
type spoiler func(s *session, values url.Values) (string, error)

// impostor redeems a code as a client that proves itself wrongly. It tries with
// the code of the login first, which is used up: most providers look at the
// client before the code, and a person need not log in for that. Only where the
// answer is about the code, a new one shows what the client was worth.
func impostor(what string, spoil spoiler) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error {
		reply, err := s.redeemAs(ctx, s.redeemed, spoil)
		if err != nil {
			return err
		}
		if code, _ := oidc.ErrorOf(reply); code == "invalid_grant" {
			if err := s.NewCode(ctx); err != nil {
				return err
			}
			if reply, err = s.redeemAs(ctx, s.Redemption(), spoil); err != nil {
				return err
			}
		}
		if err := refused(reply, what, verdict.Accepted, "invalid_client", "unauthorized_client", "invalid_request"); err != nil {
			return err
		}
		code, _ := oidc.ErrorOf(reply)
		if code != "invalid_client" {
			s.warnf("%s was refused with %s, where RFC 6749, section 5.2, has invalid_client", what, code)
		}
		return nil
	}
}

func (s *session) redeemAs(ctx context.Context, right url.Values, spoil spoiler) (*exchange.Reply, error) {
	values := maps.Clone(right)
	authorization, err := spoil(s, values)
	if err != nil {
		return nil, exchange.Ownf(verdict.OwnConfig, err, "the probe cannot make a wrong proof of the client: %v", err)
	}
	return s.PostBare(ctx, s.Provider.TokenEndpoint, values, authorization)
}

func noProof(s *session, values url.Values) (string, error) {
	values.Set("client_id", s.Config().Client.ID)
	return "", nil
}

// wrongProof proves the client by a secret or key that is not its own.
func wrongProof(s *session, values url.Values) (string, error) {
	client := s.Config().Client
	switch client.Auth {
	case target.AuthClientSecretBasic:
		return oidc.BasicAuthorization(client.ID, "wrong-"+rand.Text()), nil
	case target.AuthClientSecretPost:
		values.Set("client_id", client.ID)
		values.Set("client_secret", "wrong-"+rand.Text())
		return "", nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", fmt.Errorf("make another key: %w", err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("sign by another key: %w", err)
	}
	signed, err := jwt.Signed(signer).Claims(rightClaims(s)).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign by another key: %w", err)
	}
	assert(s, values, signed)
	return "", nil
}

func rightClaims(s *session) map[string]any {
	return oidc.AssertionClaims(s.Config().Client.ID, s.StatedIssuer(), s.Now())
}

func assert(s *session, values url.Values, signed string) {
	values.Set("client_id", s.Config().Client.ID)
	values.Set("client_assertion_type", oidc.AssertionType)
	values.Set("client_assertion", signed)
}

func unsigned(s *session, values url.Values) (string, error) {
	text, err := notSigned(rightClaims(s))
	if err != nil {
		return "", err
	}
	assert(s, values, text)
	return "", nil
}

// notSigned is a JWT without a signature (RFC 7519, section 6.1).
func notSigned(claims map[string]any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload) + ".", nil
}

func decode(part string) ([]byte, error) {
	payload, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return nil, fmt.Errorf("decode base64url: %w", err)
	}
	return payload, nil
}

func expired(s *session, values url.Values) (string, error) {
	claims, past := rightClaims(s), s.Now().Add(-s.MaxSkew()-10*time.Minute)
	claims["iat"], claims["nbf"], claims["exp"] = past.Add(-time.Minute).Unix(), past.Add(-time.Minute).Unix(), past.Unix()
	return signed(s, values, claims)
}

func misdirected(s *session, values url.Values) (string, error) {
	claims := rightClaims(s)
	claims["aud"] = "https://somebody-else.invalid"
	return signed(s, values, claims)
}

func signed(s *session, values url.Values, claims map[string]any) (string, error) {
	text, err := oidc.Assertion(s.Config().Client.KeyFile, claims)
	if err != nil {
		return "", err
	}
	assert(s, values, text)
	return "", nil
}

// unknownGrant asks for tokens in a way that does not exist (RFC 6749, section
// 5.2).
func (s *session) unknownGrant(ctx context.Context) error {
	reply, err := s.Post(ctx, s.Provider.TokenEndpoint, url.Values{"grant_type": {"urn:tocsin:unknown"}})
	if err != nil {
		return err
	}
	if code, _ := oidc.ErrorOf(reply); code == "unauthorized_client" && reply.Status >= http.StatusBadRequest {
		s.warnf("an unknown grant type was refused with unauthorized_client, where RFC 6749, section 5.2, has unsupported_grant_type")
		return nil
	}
	return refused(reply, "an unknown grant type", verdict.Accepted, "unsupported_grant_type", "invalid_request")
}
