package proof

import (
	"encoding/json"
	"slices"
	"time"

	"tocsin/system/identity/compact"
	"tocsin/system/identity/vci/holder"
)

const attestationType = "key-attestation+jwt"

// maxFuture is how far ahead of ours the clock of a wallet provider may be.
const maxFuture = 5 * time.Minute

// maxLevels bounds key_storage and user_authentication.
const maxLevels = 16

// attestation checks the one key attestation of that proof type.
func (c *Checker) attestation(texts []string, context Context) ([]*holder.Key, error) {
	if len(texts) != 1 { // annex F.3
		return nil, invalid("there must be exactly one attestation")
	}
	return c.attested(texts[0], context, false)
}

// statement is the body of a key attestation (annex D.1).
type statement struct {
	issued, expires, from *time.Time
	keys                  []*holder.Key
	storage, user         []string
	nonce                 *string
}

// attested returns the keys of a key attestation. In the header of a proof it
// needs an exp.
func (c *Checker) attested(text string, context Context, inProof bool) ([]*holder.Key, error) {
	token, err := compact.Parse(text, maxProof)
	if err != nil {
		return nil, invalid("a key attestation is not a compact JWS")
	}
	if token.Header.Type != attestationType {
		return nil, invalid("the typ of a key attestation must be %s", attestationType)
	}
	if !slices.Contains(holder.Algorithms(), token.Header.Algorithm) {
		return nil, invalid("the alg of a key attestation is not supported")
	}
	if err := c.Trust.verify(token, c.Now()); err != nil {
		return nil, err
	}
	s, err := c.statement(token.Payload)
	if err != nil {
		return nil, err
	}
	switch {
	case s.issued == nil || s.issued.After(c.Now().Add(maxFuture)):
		return nil, invalid("the iat of a key attestation is missing or in the future")
	case inProof && s.expires == nil:
		return nil, invalid("a key attestation in a proof must have exp")
	case len(s.keys) == 0:
		return nil, invalid("a key attestation attests no key")
	}
	if err := c.within(s.from, s.expires); err != nil {
		return nil, err
	}
	if want := context.Configuration.Attested; want != nil {
		if !satisfies(s.storage, want.KeyStorage) || !satisfies(s.user, want.UserAuthentication) {
			return nil, invalid("a key attestation does not attest what is required")
		}
	}
	return s.keys, c.nonce(s.nonce)
}

// satisfies reports whether one of what is attested is accepted.
func satisfies(attested, accepted []string) bool {
	return len(accepted) == 0 || slices.ContainsFunc(attested, func(level string) bool {
		return slices.Contains(accepted, level)
	})
}

func (c *Checker) statement(payload []byte) (*statement, error) {
	s := &statement{}
	err := compact.Members(payload, func(name string, value []byte) (err error) {
		switch name {
		case "iat":
			err = moment(value, &s.issued)
		case "exp":
			err = moment(value, &s.expires)
		case "nbf":
			err = moment(value, &s.from)
		case "nonce":
			err = text(value, &s.nonce)
		case "key_storage":
			s.storage, err = compact.Strings(value, maxLevels)
		case "user_authentication":
			s.user, err = compact.Strings(value, maxLevels)
		case "attested_keys":
			s.keys, err = c.keys(value)
		}
		return err
	})
	if err != nil {
		return nil, invalid("the body of a key attestation is malformed, or has more than %d keys, or one of no supported kind", c.BatchSize)
	}
	return s, nil
}

func (c *Checker) keys(value []byte) ([]*holder.Key, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(value, &raw); err != nil || len(raw) > c.BatchSize {
		return nil, compact.ErrMalformed
	}
	keys := make([]*holder.Key, 0, len(raw))
	for _, jwk := range raw {
		key, err := holder.FromJWK(jwk)
		if err != nil {
			return nil, err
		}
		if contains(keys, key) {
			return nil, compact.ErrMalformed
		}
		keys = append(keys, key)
	}
	return keys, nil
}
