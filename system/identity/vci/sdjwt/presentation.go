package sdjwt

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/system/identity/compact"
	"tocsin/system/identity/vci/holder"
)

// ErrInvalid means that a text is no SD-JWT, or not one to be believed.
var ErrInvalid = errors.New("not a valid SD-JWT")

// Bounds of what is read from outside.
const (
	maxText        = 1 << 20
	maxDisclosures = 256
	maxDepth       = 8
	bindingType    = "kb+jwt" // RFC 9901, 4.3
)

// Presentation is an SD-JWT taken apart; nothing of it is verified.
type Presentation struct {
	JWT         string
	Disclosures []string
	// KeyBinding is empty in what an issuer gives a holder.
	KeyBinding string
}

// Parse takes a text apart (RFC 9901, 4).
func Parse(text string) (*Presentation, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("%w: too long", ErrInvalid)
	}
	parts := strings.Split(text, "~")
	last := len(parts) - 1
	if last < 1 || last-1 > maxDisclosures || slices.Contains(parts[:last], "") {
		return nil, fmt.Errorf("%w: not a JWT, disclosures and a key binding joined with ~", ErrInvalid)
	}
	return &Presentation{JWT: parts[0], Disclosures: parts[1:last], KeyBinding: parts[last]}, nil
}

// Unbound is the text that a key binding is over: all but itself.
func (p *Presentation) Unbound() string {
	if len(p.Disclosures) == 0 {
		return p.JWT + "~"
	}
	return p.JWT + "~" + strings.Join(p.Disclosures, "~") + "~"
}

// Keep leaves out the disclosures of claims that show does not want, as a
// holder does before presenting. A member of an object is kept with the object.
func (p *Presentation) Keep(show func(name string) bool) (*Presentation, error) {
	kept := &Presentation{JWT: p.JWT}
	for _, text := range p.Disclosures {
		d, err := parseDisclosure(text)
		if err != nil {
			return nil, err
		}
		if show(d.name) {
			kept.Disclosures = append(kept.Disclosures, text)
		}
	}
	return kept, nil
}

// Open verifies the issuer's signature with key and returns the claims with
// everything disclosed in its place (RFC 9901, 7.1).
func (p *Presentation) Open(key any) (map[string]any, error) {
	token, err := compact.Parse(p.JWT, maxText)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if token.Header.Type != Type {
		return nil, fmt.Errorf("%w: typ is not %s", ErrInvalid, Type)
	}
	if err := token.Verify(key); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	claims := map[string]any{}
	if err := json.Unmarshal(token.Payload, &claims); err != nil {
		return nil, fmt.Errorf("%w: payload is not an object", ErrInvalid)
	}
	if name, named := claims["_sd_alg"]; named && name != hashName {
		return nil, fmt.Errorf("%w: digests are not SHA-256", ErrInvalid)
	}
	delete(claims, "_sd_alg")
	return p.disclose(claims)
}

func (p *Presentation) disclose(claims map[string]any) (map[string]any, error) {
	u := &unpacker{byDigest: map[string]*disclosure{}, seen: map[string]bool{}}
	for _, text := range p.Disclosures {
		d, err := parseDisclosure(text)
		if err != nil {
			return nil, err
		}
		digest := digestOf(text)
		if _, twice := u.byDigest[digest]; twice { // RFC 9901, 7.1, 4
			return nil, fmt.Errorf("%w: a disclosure is there twice", ErrInvalid)
		}
		u.byDigest[digest] = d
	}
	opened, err := u.object(claims, 0)
	if err != nil {
		return nil, err
	}
	for _, d := range u.byDigest {
		if !d.used { // RFC 9901, 7.1, 5
			return nil, fmt.Errorf("%w: a disclosure belongs to nothing", ErrInvalid)
		}
	}
	for _, name := range []string{"iss", "nbf", "exp", "cnf", "vct", "status"} { // SD-JWT VC, 3.2.2.2
		for _, d := range u.byDigest {
			if d.depth == 0 && !d.element && d.name == name {
				return nil, fmt.Errorf("%w: %s must not be disclosed selectively", ErrInvalid, name)
			}
		}
	}
	return opened, nil
}

// disclosure is one decoded disclosure (RFC 9901, 4.2.1 and 4.2.2).
type disclosure struct {
	element bool // of an array; it has no name then
	name    string
	value   any
	used    bool
	depth   int
}

func parseDisclosure(text string) (*disclosure, error) {
	plain, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: disclosure is not base64url", ErrInvalid)
	}
	var parts []any
	if err := json.Unmarshal(plain, &parts); err != nil || len(parts) < 2 || len(parts) > 3 {
		return nil, fmt.Errorf("%w: disclosure is not an array of two or three", ErrInvalid)
	}
	if _, isText := parts[0].(string); !isText {
		return nil, fmt.Errorf("%w: salt is not a string", ErrInvalid)
	}
	if len(parts) == 2 {
		return &disclosure{element: true, value: parts[1]}, nil
	}
	name, isText := parts[1].(string)
	if !isText || name == "_sd" || name == "..." { // RFC 9901, 7.1, 3.c.ii.3
		return nil, fmt.Errorf("%w: disclosure has no claim name", ErrInvalid)
	}
	return &disclosure{name: name, value: parts[2]}, nil
}

// VerifyBinding checks that the holder with key made this presentation for
// audience, in answer to nonce, within maxAge of now (RFC 9901, 7.3).
func (p *Presentation) VerifyBinding(key *holder.Key, audience, nonce string, now time.Time, maxAge time.Duration) error {
	token, err := compact.Parse(p.KeyBinding, maxText)
	if err != nil {
		return fmt.Errorf("%w: key binding: %w", ErrInvalid, err)
	}
	if token.Header.Type != bindingType {
		return fmt.Errorf("%w: typ of key binding is not %s", ErrInvalid, bindingType)
	}
	if err := token.Verify(key.Public); err != nil {
		return fmt.Errorf("%w: key binding: %w", ErrInvalid, err)
	}
	var claims struct {
		IssuedAt int64  `json:"iat"`
		Audience string `json:"aud"`
		Nonce    string `json:"nonce"`
		Hash     string `json:"sd_hash"`
	}
	if err := json.Unmarshal(token.Payload, &claims); err != nil {
		return fmt.Errorf("%w: key binding is not an object", ErrInvalid)
	}
	hash := sha256.Sum256([]byte(p.Unbound()))
	age := now.Sub(time.Unix(claims.IssuedAt, 0))
	switch {
	case claims.Audience != audience || claims.Nonce != nonce:
		return fmt.Errorf("%w: key binding is for somebody else", ErrInvalid)
	case claims.Hash != base64.RawURLEncoding.EncodeToString(hash[:]):
		return fmt.Errorf("%w: key binding is of another presentation", ErrInvalid)
	case age > maxAge || age < -maxAge:
		return fmt.Errorf("%w: key binding is not of now", ErrInvalid)
	}
	return nil
}
