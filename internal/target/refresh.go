package target

import (
	"fmt"
	"time"
)

// Refresh says what the provider promises about refresh tokens. The standards
// leave it open for confidential clients (RFC 9700, section 4.14.2).
type Refresh struct {
	// Rotation is whether every refresh must bring a new refresh token.
	Rotation string `yaml:"rotation"`
	// Reuse is whether one that was replaced must be refused.
	Reuse string `yaml:"reuse"`
	// ReuseGrace is how long one that was replaced may still be used, for
	// clients that lost the answer.
	ReuseGrace time.Duration `yaml:"reuse_grace"`
}

// The promises about refresh tokens.
const (
	RotationOptional = "optional"
	RotationRequired = "required"
	ReuseRefused     = "refused"
	ReuseAllowed     = "allowed"
)

// longestGrace: a token that a thief may use for a day is not replaced.
const longestGrace = 24 * time.Hour

func (r *Refresh) defaults() {
	if r.Rotation == "" {
		r.Rotation = RotationOptional
	}
	if r.Reuse == "" {
		r.Reuse = ReuseRefused
	}
}

func (c *checker) refresh(refresh Refresh) {
	c.choice("refresh.rotation", refresh.Rotation, RotationOptional, RotationRequired)
	c.choice("refresh.reuse", refresh.Reuse, ReuseRefused, ReuseAllowed)
	switch {
	case refresh.ReuseGrace < 0 || refresh.ReuseGrace > longestGrace:
		c.report("refresh.reuse_grace", fmt.Sprintf("%s is not between 0s and %s", refresh.ReuseGrace, longestGrace), "")
	case refresh.ReuseGrace > 0 && refresh.Reuse == ReuseAllowed:
		c.report("refresh.reuse_grace", "has no meaning where reuse is allowed", "take one of the two out")
	}
}
