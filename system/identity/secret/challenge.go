package secret

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"time"
)

const (
	// challengeStep is how long one challenge is handed out.
	challengeStep = 60 * time.Second
	// challengeSteps is how many steps a challenge is accepted after its own,
	// and, for clocks that differ between zones, before it.
	challengeSteps = 5
)

// Challenge is a nonce that no store has to remember: it follows from a secret
// and the time, so every zone hands out and accepts the same (OpenID4VCI 1.0,
// 13.8; RFC 9449, 8). It proves freshness, not single use.
type Challenge struct {
	keys [][]byte
	now  func() time.Time
}

// Challenge returns the challenges for one purpose.
func (k *Keys) Challenge(purpose string, now func() time.Time) *Challenge {
	c := &Challenge{now: now}
	for _, pepper := range k.peppers {
		c.keys = append(c.keys, mac(pepper, "challenge", purpose))
	}
	return c
}

// Current returns the challenge to hand out now.
func (c *Challenge) Current() string { return c.at(c.keys[0], c.step()) }

// Fresh reports whether text was handed out within the last five to six
// minutes; aging, that it is no longer the current one and the next answer
// should carry a new one.
func (c *Challenge) Fresh(text string) (fresh, aging bool) {
	now := c.step()
	for _, key := range c.keys {
		for back := int64(-1); back <= challengeSteps; back++ {
			if hmac.Equal([]byte(c.at(key, now-back)), []byte(text)) {
				return true, back > 0
			}
		}
	}
	return false, false
}

func (c *Challenge) step() int64 { return c.now().Unix() / int64(challengeStep/time.Second) }

func (c *Challenge) at(key []byte, step int64) string {
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], uint64(step))
	return base64.RawURLEncoding.EncodeToString(mac(key, string(raw[:]))[:24])
}
