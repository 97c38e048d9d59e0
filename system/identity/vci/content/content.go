// Package content is what goes into one credential, whatever its format: the
// claims of the person, the holder's key, the times and the status entry.
package content

import (
	"encoding/base64"
	"fmt"
	"io"
	"time"

	"tocsin/system/identity/vci/configuration"
	"tocsin/system/identity/vci/holder"
)

// Content is one credential to be made.
type Content struct {
	Issuer        string
	ID            string // a UUID
	Configuration *configuration.Configuration
	// Claims as the authenticator calls and gives them.
	Claims    map[string]any
	Holder    *holder.Key
	IssuedAt  time.Time
	ExpiresAt time.Time
	Status    Status
	// Random gives salts. It may be a deterministic generator with a secret
	// seed, so that a credential whose delivery failed can be made again.
	Random io.Reader
}

// Status is the entry of a credential in a Token Status List.
type Status struct {
	Index uint64 `json:"idx" cbor:"idx"`
	URI   string `json:"uri" cbor:"uri"`
}

// Reference is the status claim (Token Status List, 6.1).
type Reference struct {
	List Status `json:"status_list" cbor:"status_list"`
}

// Reference returns the status claim of the credential.
func (c *Content) Reference() Reference { return Reference{List: c.Status} }

// Each calls put with the claims that are known of the person, in the order of
// the configuration.
func (c *Content) Each(put func(claim configuration.Claim, value any) error) error {
	for _, claim := range c.Configuration.Claims {
		value, known := c.Claims[claim.Source]
		if !known || value == nil {
			continue
		}
		if err := put(claim, value); err != nil {
			return fmt.Errorf("claim %s: %w", claim.Name, err)
		}
	}
	return nil
}

// Missing returns the name of a mandatory claim that is not known, or "".
func (c *Content) Missing() string {
	for _, claim := range c.Configuration.Claims {
		if claim.Mandatory && c.Claims[claim.Source] == nil {
			return claim.Name
		}
	}
	return ""
}

// JSON returns value as a credential in JSON has it: pictures are data URIs
// (SD-JWT VC, 3.2.2.3).
func JSON(claim configuration.Claim, value any) any {
	if text, isText := value.(string); isText && claim.Encoding == configuration.Picture {
		return "data:image/jpeg;base64," + text
	}
	return value
}

// Photograph returns the bytes of a picture.
func Photograph(value any) ([]byte, error) {
	text, isText := value.(string)
	if !isText {
		return nil, fmt.Errorf("a photograph is %T, not a string", value)
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("decode photograph: %w", err)
	}
	return raw, nil
}
