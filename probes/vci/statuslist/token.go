package statuslist

import (
	"encoding/json"
	"fmt"
	"time"
)

// The names that a Status List Token goes by (Token Status List, 5.1 and 8.1).
const (
	Type      = "statuslist+jwt"
	MediaType = "application/statuslist+jwt"
)

// Reference is where a credential says that its status is (Token Status List,
// 6.2).
type Reference struct {
	Index *uint64 `json:"idx"`
	URI   string  `json:"uri"`
}

// Token is the claims of a Status List Token.
type Token struct {
	Subject  string   `json:"sub"`
	IssuedAt *float64 `json:"iat"`
	Expires  *float64 `json:"exp"`
	// TTL is how many seconds the list may be cached.
	TTL  *float64 `json:"ttl"`
	List Encoded  `json:"status_list"`
}

// Parse reads the payload of a Status List Token.
func Parse(payload []byte) (*Token, error) {
	var token Token
	if err := json.Unmarshal(payload, &token); err != nil {
		return nil, fmt.Errorf("decode status list token: %w", err)
	}
	switch {
	case token.IssuedAt == nil:
		return nil, fmt.Errorf("the status list token has no iat")
	case token.TTL != nil && *token.TTL <= 0:
		return nil, fmt.Errorf("ttl of the status list token is %g, not positive", *token.TTL)
	case token.List.List == "":
		return nil, fmt.Errorf("the status list token has no status_list")
	}
	return &token, nil
}

// Issued is when the list was made.
func (t *Token) Issued() time.Time { return instant(*t.IssuedAt) }

// Expiry is when the list ends to count; false when it does not say.
func (t *Token) Expiry() (time.Time, bool) {
	if t.Expires == nil {
		return time.Time{}, false
	}
	return instant(*t.Expires), true
}

// instant reads a NumericDate (RFC 7519, section 2). What is no date of this
// world becomes the nearest one, so that it compares as it should.
func instant(seconds float64) time.Time {
	const year9999 = 253402300799
	return time.Unix(int64(min(max(seconds, 0), year9999)), 0)
}
