package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// prover proves possession of one key (DPoP, RFC 9449).
type prover struct {
	signer jose.Signer
	// nonces are the newest that each origin gave (section 8): an authorization
	// server and a resource server each have their own.
	nonces map[string]string
	// demanded counts the requests that were sent again with a nonce.
	demanded int
}

// newProver makes a prover with a new key.
func newProver() (*prover, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make DPoP key: %w", err)
	}
	options := (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	if err != nil {
		return nil, fmt.Errorf("make DPoP signer: %w", err)
	}
	return &prover{signer: signer, nonces: map[string]string{}}, nil
}

// proofClaims are those of a DPoP proof (section 4.2).
type proofClaims struct {
	jwt.Claims
	Method string `json:"htm"`
	URI    string `json:"htu"`
	Hash   string `json:"ath,omitempty"`
	Nonce  string `json:"nonce,omitempty"`
}

// prove makes the proof for one request. Token is the access token that the
// request carries; empty without one.
func (p *prover) prove(method string, address *url.URL, token string, now time.Time) (string, error) {
	target := &url.URL{Scheme: address.Scheme, Host: address.Host, Path: address.Path, RawPath: address.RawPath}
	claims := proofClaims{
		Claims: jwt.Claims{ID: rand.Text(), IssuedAt: jwt.NewNumericDate(now)},
		Method: method, URI: target.String(), Nonce: p.nonces[origin(address)],
	}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims.Hash = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	proof, err := jwt.Signed(p.signer).Claims(claims).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign DPoP proof: %w", err)
	}
	return proof, nil
}

func origin(address *url.URL) string { return address.Scheme + "://" + address.Host }

// proven makes one exchange, with a proof where the session binds tokens to a
// key. A provider that demands a nonce is asked once more with the one it gave
// (section 8); whatever it demands after that is its answer.
func (s *Session) proven(ctx context.Context, token string, build func(context.Context) (*http.Request, error)) (*exchange.Reply, error) {
	for again := false; ; again = true {
		request, err := build(ctx)
		if err != nil {
			return nil, err
		}
		if s.prover == nil {
			return s.Send(ctx, request)
		}
		proof, err := s.prover.prove(request.Method, request.URL, token, s.Now())
		if err != nil {
			return nil, exchange.Ownf(verdict.Internal, err, "the probe cannot prove its key: %v", err)
		}
		request.Header.Set("DPoP", proof)
		reply, err := s.Send(ctx, request)
		if err != nil {
			return nil, err
		}
		nonce := reply.Header.Get("DPoP-Nonce")
		if nonce != "" {
			s.prover.nonces[origin(request.URL)] = nonce
		}
		if again || nonce == "" || refusalOf(reply).Error != "use_dpop_nonce" {
			return reply, nil
		}
		s.prover.demanded++
		s.Figure("dpop_nonces_demanded_total", float64(s.prover.demanded))
	}
}

// Authorized makes a request with the access token of the session, bound to
// its key where the session uses DPoP. Body may be nil; header may be nil.
func (s *Session) Authorized(ctx context.Context, method, address string, header http.Header, body []byte) (*exchange.Reply, error) {
	return s.withToken(ctx, s.Tokens.AccessToken, method, address, header, body)
}

func (s *Session) withToken(ctx context.Context, token, method, address string, header http.Header, body []byte) (*exchange.Reply, error) {
	return s.proven(ctx, token, func(ctx context.Context) (*http.Request, error) {
		request, err := newRequest(ctx, method, address, body)
		if err != nil {
			return nil, err
		}
		for name, values := range header {
			request.Header[name] = values
		}
		scheme := "Bearer "
		if s.prover != nil {
			scheme = "DPoP "
		}
		request.Header.Set("Authorization", scheme+token)
		return request, nil
	})
}
