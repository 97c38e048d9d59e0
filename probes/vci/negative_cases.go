package vci

import (
	"bytes"
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/go-jose/go-jose/v4"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// The errors of a credential request (OpenID4VCI 1.0, 8.3.1.2).
const (
	invalidProof         = "invalid_proof"
	invalidNonce         = "invalid_nonce"
	unknownConfiguration = "unknown_credential_configuration"
	unknownIdentifier    = "unknown_credential_identifier"
	invalidRequest       = "invalid_credential_request"
)

// cases in the order in which they are made: what may end the token comes last.
func (s *session) cases(memory *memory) []refusal {
	all := proofCases()
	all = append(all, nonceCases(memory)...)
	all = append(all, requestCases()...)
	all = append(all, tokenCases()...)
	return append(all, offerCases()...)
}

// proofCases are wrong proofs with a right nonce.
func proofCases() []refusal {
	return []refusal{
		wrongProof("proof-wrong-aud", func(_ *session, p *proof) error { p.claims["aud"] = "https://other.invalid"; return nil }),
		wrongProof("proof-wrong-typ", func(_ *session, p *proof) error { p.header["typ"] = "JWT"; return nil }),
		wrongProof("proof-wrong-iss", func(_ *session, p *proof) error { p.claims["iss"] = "another-client"; return nil }),
		wrongProof("proof-without-iat", func(_ *session, p *proof) error { delete(p.claims, "iat"); return nil }),
		wrongProof("proof-alg-none", unsigned),
		wrongProof("proof-hmac", confused),
		wrongProof("proof-tampered-signature", tampered),
		wrongProof("proof-foreign-key", foreign),
		wrongProof("proof-private-key", private),
	}
}

// wrongProof is a case that breaks a right proof.
func wrongProof(name string, spoil func(*session, *proof) error) refusal {
	return refusal{name: name, errors: []string{invalidProof}, accepted: verdict.Accepted,
		send: func(ctx context.Context, s *session) (*exchange.Reply, string, error) {
			if len(s.wanted.Proofs) == 0 {
				return nil, "the credential needs no proof", nil
			}
			if err := s.renewNonce(ctx); err != nil {
				return nil, "", err
			}
			made := s.rightProof()
			if err := spoil(s, made); err != nil {
				return nil, "", exchange.Ownf(verdict.Internal, err, "the probe cannot make a wrong proof: %v", err)
			}
			return s.sendProof(ctx, made)
		}}
}

// renewNonce gets a nonce for one request, so that it cannot be refused for
// what an earlier one used up.
func (s *session) renewNonce(ctx context.Context) error {
	if s.issuer.Nonce == "" {
		return nil
	}
	return s.fetchNonce(ctx)
}

func (s *session) sendProof(ctx context.Context, made *proof) (*exchange.Reply, string, error) {
	text, err := made.text(s.holder)
	if err != nil {
		return nil, "", exchange.Ownf(verdict.Internal, err, "the probe cannot make a proof: %v", err)
	}
	reply, err := s.postJSON(ctx, s.issuer.Credential, credentialRequest{
		Identifier: s.asked.identifier, Configuration: s.asked.configuration, Proofs: map[string][]string{"jwt": {text}},
	})
	return reply, "", err
}

// sendRequest makes a right request, changed.
func (s *session) sendRequest(ctx context.Context, change func(*credentialRequest)) (*exchange.Reply, string, error) {
	if err := s.renewNonce(ctx); err != nil {
		return nil, "", err
	}
	request, err := s.rightRequest()
	if err != nil {
		return nil, "", err
	}
	change(&request)
	reply, err := s.postJSON(ctx, s.issuer.Credential, request)
	return reply, "", err
}

func unsigned(_ *session, p *proof) error {
	p.header["alg"] = "none"
	p.sign = func(*holder, []byte) ([]byte, error) { return nil, nil }
	return nil
}

// confused signs with the public key as a shared secret: an issuer that lets
// the header choose the algorithm believes it (RFC 8725, 2.1).
func confused(s *session, p *proof) error {
	secret, err := x509.MarshalPKIXPublicKey(s.holder.key.Public())
	if err != nil {
		return fmt.Errorf("encode public key: %w", err)
	}
	p.header["alg"] = "HS256"
	p.sign = func(_ *holder, input []byte) ([]byte, error) {
		sum := hmac.New(crypto.SHA256.New, secret)
		sum.Write(input)
		return sum.Sum(nil), nil
	}
	return nil
}

func tampered(_ *session, p *proof) error {
	p.sign = func(h *holder, input []byte) ([]byte, error) {
		signature, err := signES256(h, input)
		if err == nil {
			signature[40] ^= 0x10
		}
		return signature, err
	}
	return nil
}

// foreign shows one key and signs with another.
func foreign(_ *session, p *proof) error {
	other, err := newHolder()
	if err != nil {
		return err
	}
	p.header["jwk"] = other.public()
	return nil
}

func private(s *session, p *proof) error {
	p.header["jwk"] = jose.JSONWebKey{Key: s.holder.key}
	return nil
}

// nonceCases are proofs that are right but for their nonce.
func nonceCases(memory *memory) []refusal {
	return []refusal{
		{name: "nonce-wrong", errors: []string{invalidNonce}, accepted: verdict.Accepted, send: withNonce(func(*session) (string, string) {
			return rand.Text(), ""
		})},
		{name: "nonce-missing", errors: []string{invalidProof}, accepted: verdict.Accepted, send: withNonce(func(*session) (string, string) {
			return "", ""
		})},
		{name: "nonce-stale", errors: []string{invalidNonce}, accepted: verdict.Accepted, send: withNonce(func(s *session) (string, string) {
			if s.want.NonceLife == 0 {
				return "", "the target file does not say how long a nonce is good (credential.nonce_life)"
			}
			old, waited := memory.stale(s.nonce, s.Now(), s.want.NonceLife)
			if !waited {
				return "", "no nonce of an earlier run is older than " + s.want.NonceLife.String() + " yet"
			}
			return old, ""
		})},
		{name: "nonce-replayed", errors: []string{invalidNonce, invalidProof}, accepted: verdict.Replayed, send: withNonce(func(s *session) (string, string) {
			if !s.want.SingleUseNonce {
				return "", "the target file does not promise that a nonce is good once (credential.single_use_nonce)"
			}
			return s.used, ""
		})},
	}
}

func withNonce(choose func(*session) (nonce, why string)) func(context.Context, *session) (*exchange.Reply, string, error) {
	return func(ctx context.Context, s *session) (*exchange.Reply, string, error) {
		if s.issuer.Nonce == "" || len(s.wanted.Proofs) == 0 {
			return nil, "the issuer has no nonces", nil
		}
		nonce, why := choose(s)
		if why != "" {
			return nil, why, nil
		}
		return s.sendProof(ctx, newProof(s.holder, s.want.Issuer, s.proofIssuer(), nonce, s.Now()))
	}
}

// requestCases are requests that are wrong around a right proof.
func requestCases() []refusal {
	change := func(change func(*session, *credentialRequest)) func(context.Context, *session) (*exchange.Reply, string, error) {
		return func(ctx context.Context, s *session) (*exchange.Reply, string, error) {
			return s.sendRequest(ctx, func(r *credentialRequest) { change(s, r) })
		}
	}
	return []refusal{
		{name: "proof-missing", errors: []string{invalidProof}, accepted: verdict.Accepted, send: func(ctx context.Context, s *session) (*exchange.Reply, string, error) {
			if len(s.wanted.Proofs) == 0 {
				return nil, "the credential needs no proof", nil
			}
			return s.sendRequest(ctx, func(r *credentialRequest) { r.Proofs = nil })
		}},
		{name: "configuration-unknown", errors: []string{unknownConfiguration, invalidRequest}, accepted: verdict.Accepted, send: change(func(_ *session, r *credentialRequest) {
			r.Identifier, r.Configuration = "", "unknown-"+rand.Text()
		})},
		{name: "identifier-unknown", errors: []string{unknownIdentifier, invalidRequest}, accepted: verdict.Accepted, send: change(func(_ *session, r *credentialRequest) {
			r.Identifier, r.Configuration = "unknown-"+rand.Text(), ""
		})},
	}
}

// tokenCases are right requests without a right access token (RFC 6750, 3.1).
func tokenCases() []refusal {
	one := func(name string, spoil func(s *session, request *http.Request)) refusal {
		return refusal{name: name, statuses: []int{http.StatusUnauthorized}, accepted: verdict.Accepted,
			send: func(ctx context.Context, s *session) (*exchange.Reply, string, error) {
				if err := s.renewNonce(ctx); err != nil {
					return nil, "", err
				}
				body, err := s.rightRequest()
				if err != nil {
					return nil, "", err
				}
				text, err := json.Marshal(body)
				if err != nil {
					return nil, "", exchange.Ownf(verdict.Internal, err, "the probe cannot write its request: %v", err)
				}
				request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.issuer.Credential, bytes.NewReader(text))
				if err != nil {
					return nil, "", exchange.Brokenf(verdict.Content, "the credential endpoint is no URL: %v", err)
				}
				request.Header.Set("Content-Type", "application/json")
				spoil(s, request)
				reply, err := s.Send(ctx, request)
				return reply, "", err
			}}
	}
	query := one("token-in-query", func(s *session, r *http.Request) {
		r.URL.RawQuery = url.Values{"access_token": {s.Tokens.AccessToken}}.Encode()
	})
	query.statuses = append(query.statuses, http.StatusBadRequest)
	return []refusal{
		one("token-missing", func(*session, *http.Request) {}),
		one("token-tampered", func(s *session, r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+spoilt(s.Tokens.AccessToken))
		}),
		one("token-foreign", func(_ *session, r *http.Request) { r.Header.Set("Authorization", "Bearer "+rand.Text()) }),
		query,
		{name: "token-of-another-scope", statuses: []int{http.StatusUnauthorized, http.StatusForbidden}, accepted: verdict.Accepted, send: withOfferToken},
	}
}

// withOfferToken asks with a token of the same server that is for something
// else.
func withOfferToken(ctx context.Context, s *session) (*exchange.Reply, string, error) {
	if s.offerToken.AccessToken == "" {
		return nil, "there is no other token at hand (credential.offer.scope)", nil
	}
	tokens := s.Tokens
	defer func() { s.Tokens = tokens }()
	s.Tokens = s.offerToken
	return s.sendRequest(ctx, func(*credentialRequest) {})
}

// spoilt changes a character of a token that all tokens have bits in: not the
// last, whose low bits may mean nothing.
func spoilt(token string) string {
	changed := []byte(token)
	index := max(len(changed)-8, 0)
	if len(changed) == 0 {
		return rand.Text()
	}
	if changed[index] == 'A' {
		changed[index] = 'B'
	} else {
		changed[index] = 'A'
	}
	return string(changed)
}

// offerCases need a pre-authorized code. Using one twice comes last: it may
// end the tokens that came of it (OpenID4VCI 1.0, 13.6.1).
func offerCases() []refusal {
	return []refusal{
		{name: "tx-code-missing", errors: []string{"invalid_request", "invalid_grant"}, accepted: verdict.Accepted, send: withTxCode(func(string) string { return "" })},
		{name: "tx-code-wrong", errors: []string{"invalid_grant"}, accepted: verdict.Accepted, send: withTxCode(otherDigits)},
		{name: "code-replayed", errors: []string{"invalid_grant"}, accepted: verdict.Replayed, send: func(ctx context.Context, s *session) (*exchange.Reply, string, error) {
			if s.want.Grant != target.GrantPreAuthorizedCode {
				return nil, "the access token does not come of a pre-authorized code", nil
			}
			if s.want.Offer.LinkFile != "" {
				return nil, "the offer of a file can be used again and again", nil
			}
			values, err := s.preAuthorized()
			if err != nil {
				return nil, "", err
			}
			reply, err := s.Post(ctx, s.Provider.TokenEndpoint, values)
			return reply, "", err
		}},
	}
}

// withTxCode redeems a new offer with another transaction code. The old offer
// stays the one in hand.
func withTxCode(change func(string) string) func(context.Context, *session) (*exchange.Reply, string, error) {
	return func(ctx context.Context, s *session) (*exchange.Reply, string, error) {
		if s.want.Grant != target.GrantPreAuthorizedCode || s.txCode == "" || s.want.Offer.URL == "" {
			return nil, "the offer has no transaction code", nil
		}
		offer, txCode := s.offer, s.txCode
		defer func() { s.offer, s.txCode = offer, txCode }()
		if err := s.getOffer(ctx); err != nil {
			return nil, "", err
		}
		values, err := s.preAuthorized()
		if err != nil {
			return nil, "", err
		}
		values.Set("tx_code", change(s.txCode))
		if values.Get("tx_code") == "" {
			values.Del("tx_code")
		}
		reply, err := s.Post(ctx, s.Provider.TokenEndpoint, values)
		return reply, "", err
	}
}

// otherDigits is a code of the same shape that is not the right one.
func otherDigits(code string) string {
	changed := []byte(code)
	for index, digit := range changed {
		switch {
		case digit >= '0' && digit <= '9':
			changed[index] = '0' + (digit-'0'+1)%10
		case digit == 'x':
			changed[index] = 'y'
		default:
			changed[index] = 'x'
		}
	}
	return string(changed)
}
