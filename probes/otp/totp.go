package otp

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238 wants it: an HMAC does not need collision resistance
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"hash"
	"math"
	"strings"
	"sync"
	"time"

	"tocsin/internal/target"
)

// totp computes codes (RFC 6238). A code is used once: whoever needs another
// within the same window waits for the next.
type totp struct {
	file   string
	digits int
	period time.Duration
	hash   func() hash.Hash
	now    func() time.Time

	mu   sync.Mutex
	used uint64 // the last window of which a code was handed out
}

func newTOTP(o target.OTP) *totp {
	hashes := map[string]func() hash.Hash{"SHA1": sha1.New, "SHA256": sha256.New, "SHA512": sha512.New}
	return &totp{file: o.SecretFile, digits: o.Digits, period: o.Period, hash: hashes[o.Algorithm], now: time.Now}
}

// margin is how much of a window must be left, so that the code is still good
// when it has travelled.
const margin = 2 * time.Second

func (t *totp) open(context.Context) (inbox, error) { return t, nil }

func (t *totp) close() error { return nil }

func (t *totp) about() string { return "" }

func (t *totp) look(context.Context) (string, error) {
	key, err := readKey(t.file)
	if err != nil {
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	window := uint64(now.Unix()) / uint64(t.period/time.Second) //nolint:gosec // no clock is before 1970
	ends := time.Unix(int64(window+1)*int64(t.period/time.Second), 0)
	if window <= t.used || ends.Sub(now) < margin {
		return "", nil
	}
	t.used = window
	return hotp(t.hash, key, window, t.digits), nil
}

// readKey reads a secret as authenticators show it: in base32, perhaps in small
// letters, in groups, without padding.
func readKey(path string) ([]byte, error) {
	text, err := target.ReadSecret(path)
	if err != nil {
		return nil, fmt.Errorf("secret of one-time codes: %w", err)
	}
	text = strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "=", "").Replace(text))
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	if err != nil || len(key) == 0 {
		// The error of the decoder would quote the secret.
		return nil, fmt.Errorf("secret of one-time codes in %s is not base32", path)
	}
	return key, nil
}

// hotp is the code for a counter (RFC 4226, section 5.3).
func hotp(hash func() hash.Hash, key []byte, counter uint64, digits int) string {
	mac := hmac.New(hash, key)
	mac.Write(binary.BigEndian.AppendUint64(nil, counter))
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	number := binary.BigEndian.Uint32(sum[offset:]) & math.MaxInt32
	return fmt.Sprintf("%0*d", digits, uint64(number)%uint64(math.Pow10(digits)))
}
