package proof

import (
	"slices"
	"strconv"
	"time"

	"tocsin/system/identity/compact"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/vci/configuration"
	"tocsin/system/identity/vci/holder"
)

// The proof types that are taken.
const (
	JWT         = "jwt"         // annex F.1
	Attestation = "attestation" // annex F.3
)

const (
	proofType = "openid4vci-proof+jwt"
	// maxProof bounds one proof, which may hold an attestation of a batch.
	maxProof = 32 << 10
	// leeway is how far a wallet's clock may be off where a time is compared.
	leeway = time.Minute
)

// Nonces knows which nonces are fresh (secret.Challenge).
type Nonces interface {
	Fresh(text string) (fresh, aging bool)
}

// Checker checks the proofs of requests.
type Checker struct {
	// Issuer is the credential issuer identifier, the audience of proofs.
	Issuer string
	// BatchSize is how many keys one request may bring.
	BatchSize int
	Nonces    Nonces
	Trust     *Trust
	Now       func() time.Time
}

// Context is what a proof has to fit.
type Context struct {
	Configuration *configuration.Configuration
	// ClientID is that of the access token, empty for an anonymous wallet.
	ClientID string
}

// Check returns the keys that the proofs parameter brings, each once. Verdicts
// are invalid_proof and invalid_nonce.
func (c *Checker) Check(proofs []byte, context Context) ([]*holder.Key, error) {
	if proofs == nil {
		return nil, invalid("proofs is missing")
	}
	var kind string
	var texts []string
	err := compact.Members(proofs, func(name string, value []byte) error {
		if kind != "" {
			return compact.ErrMalformed
		}
		var err error
		kind = name
		texts, err = compact.Strings(value, c.BatchSize)
		return err
	})
	if err != nil || len(texts) == 0 {
		return nil, invalid("proofs must hold exactly one member, an array of 1 to %d strings", c.BatchSize)
	}
	var keys []*holder.Key
	switch kind {
	case JWT:
		keys, err = c.jwts(texts, context)
	case Attestation:
		keys, err = c.attestation(texts, context)
	default:
		return nil, invalid("the proof type is not supported")
	}
	if err != nil {
		return nil, err
	}
	if len(keys) > c.BatchSize {
		return nil, invalid("there are more than %d keys", c.BatchSize)
	}
	return keys, nil
}

// jwts checks proofs of possession. A key attestation in one of them brings all
// the keys that it attests (annex F.1).
func (c *Checker) jwts(texts []string, context Context) ([]*holder.Key, error) {
	var keys []*holder.Key
	var proven []*holder.Key
	for _, text := range texts {
		own, attested, err := c.jwt(text, context)
		if err != nil {
			return nil, err
		}
		if contains(proven, own) { // at most one credential for each key (OpenID4VCI 1.0, 8.3)
			return nil, invalid("two proofs are of the same key")
		}
		proven = append(proven, own)
		for _, key := range append([]*holder.Key{own}, attested...) {
			if !contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys, nil
}

func contains(keys []*holder.Key, key *holder.Key) bool {
	return slices.ContainsFunc(keys, key.Equal)
}

func (c *Checker) jwt(text string, context Context) (key *holder.Key, attested []*holder.Key, err error) {
	token, err := compact.Parse(text, maxProof)
	if err != nil {
		return nil, nil, invalid("a proof is not a compact JWS")
	}
	if token.Header.Type != proofType {
		return nil, nil, invalid("the typ of a proof must be %s", proofType)
	}
	if !slices.Contains(holder.Algorithms(), token.Header.Algorithm) {
		return nil, nil, invalid("the alg of a proof is not supported")
	}
	attested, err = c.attached(token, context)
	if err != nil {
		return nil, nil, err
	}
	key, err = keyOf(&token.Header, attested)
	if err != nil {
		return nil, nil, err
	}
	if attested != nil && !contains(attested, key) { // annex D.1
		return nil, nil, invalid("the key of a proof is not among the attested keys")
	}
	if err := token.Verify(key.Public); err != nil {
		return nil, nil, invalid("the signature of a proof does not verify with its key")
	}
	return key, attested, c.claims(token.Payload, context)
}

// attached checks the key attestation in the header of a proof, if there is one.
func (c *Checker) attached(token *compact.Token, context Context) ([]*holder.Key, error) {
	if token.Header.KeyAttestation == "" {
		if context.Configuration.Attested != nil {
			return nil, invalid("a key attestation is required")
		}
		return nil, nil
	}
	return c.attested(token.Header.KeyAttestation, context, true)
}

// keyOf returns the key that a header names in exactly one way (annex F.1).
func keyOf(header *compact.Header, attested []*holder.Key) (*holder.Key, error) {
	ways := 0
	for _, present := range []bool{header.JWK != nil, header.X5C != nil, header.KeyID != ""} {
		if present {
			ways++
		}
	}
	if ways != 1 {
		return nil, invalid("a proof must have exactly one of jwk, x5c and kid")
	}
	var key *holder.Key
	var err error
	switch {
	case header.JWK != nil:
		key, err = holder.FromJWK(header.JWK)
	case header.X5C != nil:
		key, err = holder.FromCertificates(header.X5C)
	default:
		// With an attestation, kid may be the place of the key in it (annex F.1).
		if place, notPlace := strconv.ParseUint(header.KeyID, 10, 16); notPlace == nil && place < uint64(len(attested)) {
			return attested[place], nil
		}
		key, err = holder.FromDID(header.KeyID)
	}
	if err != nil {
		return nil, invalid("the key of a proof is not a public P-256 or Ed25519 key")
	}
	return key, nil
}

// claims checks the body of a proof (annex F.1 and F.4).
func (c *Checker) claims(payload []byte, context Context) error {
	var body struct {
		issuer, audience, nonce *string
		issued, expires, from   *time.Time
	}
	err := compact.Members(payload, func(name string, value []byte) error {
		switch name {
		case "iss":
			return text(value, &body.issuer)
		case "aud":
			return text(value, &body.audience)
		case "nonce":
			return text(value, &body.nonce)
		case "iat":
			return moment(value, &body.issued)
		case "exp":
			return moment(value, &body.expires)
		case "nbf":
			return moment(value, &body.from)
		}
		return nil
	})
	switch {
	case err != nil:
		return invalid("the body of a proof is malformed")
	case body.audience == nil || *body.audience != c.Issuer:
		return invalid("the aud of a proof must be the credential issuer")
	case body.issued == nil:
		return invalid("iat is missing in a proof")
	case body.issuer != nil && context.ClientID == "":
		return invalid("a proof with the token of an anonymous wallet must not have iss")
	case body.issuer != nil && *body.issuer != context.ClientID:
		return invalid("the iss of a proof must be the client_id")
	}
	// The nonce bounds the age of a proof by our own clock, so a wallet whose
	// clock is wrong is not turned away for its iat (OpenID4VCI 1.0, 13.8).
	// Limits that the wallet set itself are kept.
	if err := c.within(body.from, body.expires); err != nil {
		return err
	}
	return c.nonce(body.nonce)
}

func (c *Checker) within(from, until *time.Time) error {
	now := c.Now()
	if until != nil && now.After(until.Add(leeway)) {
		return invalid("exp has passed")
	}
	if from != nil && now.Add(leeway).Before(*from) {
		return invalid("nbf is in the future")
	}
	return nil
}

func (c *Checker) nonce(nonce *string) error {
	if nonce == nil || *nonce == "" {
		return invalid("the nonce is missing")
	}
	if fresh, _ := c.Nonces.Fresh(*nonce); !fresh {
		return oautherr.New(oautherr.InvalidNonce, "the nonce is not one of this issuer, or too old")
	}
	return nil
}

func text(value []byte, into **string) error {
	decoded, err := compact.String(value)
	*into = &decoded
	return err
}

func moment(value []byte, into **time.Time) error {
	decoded, err := compact.Time(value)
	*into = &decoded
	return err
}

func invalid(format string, args ...any) error {
	return oautherr.New(oautherr.InvalidProof, format, args...)
}
