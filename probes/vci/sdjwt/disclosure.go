package sdjwt

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Names that SD-JWT itself uses in a payload.
const (
	digestsName   = "_sd"
	algorithmName = "_sd_alg"
	elementName   = "..."
)

// maxDepth bounds disclosures within disclosures.
const maxDepth = 32

// alwaysShown tells the claims that must not be disclosed selectively (SD-JWT
// VC, 2.2.2.3).
func alwaysShown(name string) bool {
	switch name {
	case "iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status":
		return true
	}
	return false
}

// disclosure is one decoded disclosure: of a member of an object when named,
// else of an element of an array (RFC 9901, section 4.2).
type disclosure struct {
	named bool
	name  string
	value any
}

// opener puts disclosures where their digests are.
type opener struct {
	byDigest map[string]*disclosure
	seen     map[string]bool
}

// disclose returns the payload with every disclosure in its place. A
// disclosure without digest, a digest that is there twice and a name that
// hides another are refused (RFC 9901, section 7.1).
func disclose(payload map[string]any, disclosures []string) (map[string]any, error) {
	hash, err := hashOf(payload)
	if err != nil {
		return nil, err
	}
	o := &opener{byDigest: map[string]*disclosure{}, seen: map[string]bool{}}
	for index, text := range disclosures {
		decoded, err := decode(text)
		if err != nil {
			return nil, fmt.Errorf("disclosure %d: %w", index+1, err)
		}
		digest := base64.RawURLEncoding.EncodeToString(hash([]byte(text)))
		if o.byDigest[digest] != nil {
			return nil, fmt.Errorf("disclosure %d is there twice", index+1)
		}
		o.byDigest[digest] = decoded
	}
	opened, err := o.object(payload, 0)
	if err != nil {
		return nil, err
	}
	for digest := range o.byDigest {
		if !o.seen[digest] {
			return nil, errors.New("a disclosure has no digest in what the issuer signed")
		}
	}
	return opened, nil
}

func hashOf(payload map[string]any) (func([]byte) []byte, error) {
	name := "sha-256" // RFC 9901, 4.1.1
	if stated, there := payload[algorithmName]; there {
		text, isText := stated.(string)
		if !isText {
			return nil, errors.New("_sd_alg is no text")
		}
		name = text
	}
	switch name { // names of the IANA registry of named information
	case "sha-256":
		return func(text []byte) []byte { sum := sha256.Sum256(text); return sum[:] }, nil
	case "sha-384":
		return func(text []byte) []byte { sum := sha512.Sum384(text); return sum[:] }, nil
	case "sha-512":
		return func(text []byte) []byte { sum := sha512.Sum512(text); return sum[:] }, nil
	}
	return nil, fmt.Errorf("_sd_alg is %.40q, which verifiers need not know", name)
}

func decode(text string) (*disclosure, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("it is not base64url: %w", err)
	}
	var parts []any
	if err := decodeJSON(raw, &parts); err != nil {
		return nil, fmt.Errorf("it is no JSON array: %w", err)
	}
	if len(parts) != 2 && len(parts) != 3 {
		return nil, fmt.Errorf("it has %d elements, not 2 or 3", len(parts))
	}
	if _, isText := parts[0].(string); !isText {
		return nil, errors.New("its salt is no text")
	}
	if len(parts) == 2 {
		return &disclosure{value: parts[1]}, nil
	}
	name, isText := parts[1].(string)
	switch {
	case !isText:
		return nil, errors.New("its name is no text")
	case name == digestsName || name == elementName:
		return nil, fmt.Errorf("it is named %s", name)
	}
	return &disclosure{named: true, name: name, value: parts[2]}, nil
}

// find returns the disclosure of a digest, nil for a decoy.
func (o *opener) find(digest any, named bool) (*disclosure, error) {
	text, isText := digest.(string)
	if !isText {
		return nil, errors.New("a digest is no text")
	}
	if o.seen[text] {
		return nil, errors.New("a digest is there twice")
	}
	o.seen[text] = true
	found := o.byDigest[text]
	if found != nil && found.named != named {
		return nil, errors.New("a disclosure of a member stands for an element, or the other way round")
	}
	return found, nil
}

func (o *opener) value(value any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("it is nested more than %d deep", maxDepth)
	}
	switch typed := value.(type) {
	case map[string]any:
		return o.object(typed, depth)
	case []any:
		return o.array(typed, depth)
	}
	return value, nil
}

func (o *opener) object(members map[string]any, depth int) (map[string]any, error) {
	opened := make(map[string]any, len(members))
	for name, member := range members {
		if name == digestsName || name == algorithmName && depth == 0 {
			continue
		}
		value, err := o.value(member, depth+1)
		if err != nil {
			return nil, err
		}
		opened[name] = value
	}
	hidden, there := members[digestsName]
	if !there {
		return opened, nil
	}
	digests, isArray := hidden.([]any)
	if !isArray {
		return nil, errors.New("_sd is no array")
	}
	for _, digest := range digests {
		found, err := o.find(digest, true)
		if err != nil {
			return nil, err
		}
		if found == nil {
			continue
		}
		if err := o.place(opened, found, depth); err != nil {
			return nil, err
		}
	}
	return opened, nil
}

func (o *opener) place(into map[string]any, found *disclosure, depth int) error {
	if depth == 0 && alwaysShown(found.name) {
		return fmt.Errorf("%s is disclosed selectively, which it must not be", found.name)
	}
	if _, there := into[found.name]; there {
		return fmt.Errorf("the claim %.40q is there twice", found.name)
	}
	value, err := o.value(found.value, depth+1)
	if err != nil {
		return err
	}
	into[found.name] = value
	return nil
}

func (o *opener) array(elements []any, depth int) ([]any, error) {
	opened := make([]any, 0, len(elements))
	for _, element := range elements {
		digest, hidden := hiddenElement(element)
		if hidden {
			found, err := o.find(digest, false)
			if err != nil {
				return nil, err
			}
			if found == nil {
				continue
			}
			element = found.value
		}
		value, err := o.value(element, depth+1)
		if err != nil {
			return nil, err
		}
		opened = append(opened, value)
	}
	return opened, nil
}

// hiddenElement tells {"...": digest} (RFC 9901, 4.2.4.2).
func hiddenElement(element any) (digest any, hidden bool) {
	members, isObject := element.(map[string]any)
	if !isObject || len(members) != 1 {
		return nil, false
	}
	digest, hidden = members[elementName]
	return digest, hidden
}

func object(text []byte) (map[string]any, error) {
	var members map[string]any
	if err := decodeJSON(text, &members); err != nil {
		return nil, err
	}
	if members == nil {
		return nil, errors.New("it is null")
	}
	return members, nil
}

// decodeJSON keeps numbers as they are written, and takes one value only.
func decodeJSON(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("decode JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("decode JSON: something follows the value")
	}
	return nil
}
