// Package dpop checks proofs of possession (RFC 9449) at the authorization
// server and at the provider's own resources. It keeps nothing: the nonces it
// hands out follow from a secret and the time, and that a proof is used once is
// for its callers to mark.
package dpop

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"tocsin/system/identity/compact"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/secret"
	"tocsin/system/identity/spent"
)

const (
	// future and past bound iat; clocks of clients are seldom exact.
	future = 10 * time.Second
	past   = 60 * time.Second
	// skew is how far the clocks of two zones may be apart: a mark is kept
	// until no zone takes the proof any more.
	skew = 10 * time.Second
	// maxProof and maxID bound what is parsed and what is remembered.
	maxProof = 8 << 10
	maxID    = 256
)

// Proof is a proof that holds for one request.
type Proof struct {
	// Thumbprint is that of the key (RFC 7638): the jkt of a bound token.
	Thumbprint string
	// Mark has to be spent before the request has any effect (RFC 9449, 11.1).
	Mark spent.Mark
}

// Config configures a Checker.
type Config struct {
	// Issuer is the address that htu has to begin with: the paths of requests
	// follow it. What the request says of its host is not believed.
	Issuer string
	// Nonces are handed out with every answer to a request with a proof.
	Nonces *secret.Challenge
	// RequireNonce refuses proofs without one.
	RequireNonce bool
	Now          func() time.Time
}

// Checker checks proofs.
type Checker struct {
	config Config
}

// New returns a checker.
func New(config Config) (*Checker, error) {
	issuer, err := url.Parse(config.Issuer)
	if err != nil {
		return nil, fmt.Errorf("check proofs: issuer: %w", err)
	}
	if issuer.Host == "" || issuer.RawQuery != "" || issuer.Fragment != "" {
		return nil, fmt.Errorf("check proofs: issuer %s is no base address", config.Issuer)
	}
	return &Checker{config: config}, nil
}

// Check returns the proof of a request, or nil when it has none. accessToken is
// the token that the request carries, "" at the authorization server. Verdicts
// are oautherr.InvalidDPoPProof and oautherr.UseDPoPNonce.
func (c *Checker) Check(r *http.Request, accessToken string) (*Proof, error) {
	headers := r.Header.Values("DPoP")
	if len(headers) == 0 {
		return nil, nil
	}
	if len(headers) > 1 { // RFC 9449, 4.3, 1
		return nil, refuse("there is more than one DPoP header")
	}
	token, err := compact.Parse(headers[0], maxProof) // 4.3, 2
	if err != nil {
		return nil, refuse("the proof is no JWT")
	}
	if token.Header.Type != "dpop+jwt" { // 4.3, 4
		return nil, refuse("typ of the proof is not dpop+jwt")
	}
	if token.Header.JWK == nil { // 4.3, 3
		return nil, refuse("the proof has no jwk")
	}
	key, err := compact.ParseJWK(token.Header.JWK) // 4.3, 7
	if err != nil {
		return nil, refuse("jwk of the proof is not a public key that may be used here")
	}
	stated, err := read(token.Payload)
	if err != nil {
		return nil, refuse("the claims of the proof cannot be read")
	}
	if err := c.match(r, stated, accessToken); err != nil {
		return nil, err
	}
	if err := token.Verify(key.Public); err != nil { // 4.3, 5 and 6
		return nil, refuse("the proof does not verify with its jwk and an algorithm that may be used here")
	}
	if err := c.nonce(stated.nonce); err != nil {
		return nil, err
	}
	return &Proof{Thumbprint: key.Thumbprint, Mark: c.mark(key.Thumbprint, stated)}, nil
}

// match checks what a proof says against the request.
func (c *Checker) match(r *http.Request, stated *claims, accessToken string) error {
	now := c.config.Now()
	switch {
	case stated.jti == "" || len(stated.jti) > maxID:
		return refuse("the proof needs a jti of at most %d characters", maxID)
	case stated.htm != r.Method: // 4.3, 8
		return refuse("htm of the proof is not the method of the request")
	case !sameTarget(stated.htu, c.config.Issuer, r.URL): // 4.3, 9
		return refuse("htu of the proof is not the address of the request")
	case stated.iat.IsZero(): // 4.3, 11
		return refuse("the proof has no iat")
	case stated.iat.After(now.Add(future)):
		return refuse("iat of the proof is in the future")
	case stated.iat.Before(now.Add(-past)):
		return refuse("iat of the proof is more than %s ago", past)
	case !stated.exp.IsZero() && now.After(stated.exp.Add(future)): // RFC 7519, 4.1.4
		return refuse("the proof has expired")
	case stated.nbf.After(now.Add(future)): // RFC 7519, 4.1.5
		return refuse("the proof is not valid yet")
	case accessToken != "" && !isHash(stated.ath, accessToken): // 4.3, 12
		return refuse("ath of the proof is not the hash of the access token")
	}
	return nil
}

func (c *Checker) nonce(text string) error {
	if text == "" && !c.config.RequireNonce {
		return nil
	}
	if fresh, _ := c.config.Nonces.Fresh(text); !fresh { // 4.3, 10
		return oautherr.New(oautherr.UseDPoPNonce, "the proof needs the nonce of the DPoP-Nonce header")
	}
	return nil
}

// mark is what tells that this proof was used. Its name begins with the key, so
// that nobody can use up the jti of another.
func (c *Checker) mark(thumbprint string, stated *claims) spent.Mark {
	return spent.Mark{
		Kind: spent.Proof, ID: thumbprint + "." + stated.jti,
		Life: stated.iat.Add(past + skew).Sub(c.config.Now()),
	}
}

// Offer hands out a nonce with the answer to a request that has a proof (RFC
// 9449, 8.2). It has to be called before the answer is begun.
func (c *Checker) Offer(w http.ResponseWriter, r *http.Request) {
	if _, proven := r.Header["Dpop"]; !proven {
		return
	}
	w.Header()["Dpop-Nonce"] = []string{c.config.Nonces.Current()}
}

func isHash(ath, accessToken string) bool {
	want := compact.HashText(sha256.Sum256([]byte(accessToken)))
	return subtle.ConstantTimeCompare([]byte(ath), []byte(want)) == 1
}

func refuse(format string, args ...any) error {
	return oautherr.New(oautherr.InvalidDPoPProof, format, args...)
}
