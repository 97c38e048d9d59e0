package oidc

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// keyHistory is what is remembered of the keys of a provider.
type keyHistory struct {
	Issuer string `json:"issuer"`
	// ReadAt is when the key set was last read, and FreshUntil how long caches
	// may go on using it as it was then.
	ReadAt     time.Time            `json:"read_at"`
	FreshUntil time.Time            `json:"fresh_until"`
	Keys       map[string]keyRecord `json:"keys"`
}

// keyRecord is what is remembered of one key.
type keyRecord struct {
	Thumbprint string    `json:"thumbprint"`
	FirstSeen  time.Time `json:"first_seen"`
	// KnownTo is when the last cache that may lack the key has read it.
	KnownTo time.Time `json:"known_to,omitzero"`
	// SignedUntil is when the last token expires that we saw the key sign.
	SignedUntil time.Time `json:"signed_until,omitzero"`
}

// read notes a key set. It returns what is wrong about how it has changed.
func (h *keyHistory) read(issuer string, set map[string]string, now time.Time, fresh time.Duration) *exchange.Failure {
	first := h.Issuer != issuer || h.Keys == nil
	if first {
		*h = keyHistory{Issuer: issuer, Keys: map[string]keyRecord{}}
	}
	var failure *exchange.Failure
	for id, known := range h.Keys {
		thumbprint, published := set[id]
		switch {
		case published && thumbprint != known.Thumbprint:
			failure = exchange.Brokenf(verdict.Keys, "the key %q is another one than before: whoever knows the old one cannot verify any more", shorten(id))
		case published:
			continue
		case known.SignedUntil.After(now):
			failure = exchange.Brokenf(verdict.Keys, "the key %q has vanished from the key set, but tokens that it signed are good until %s", shorten(id), clock(known.SignedUntil))
		}
		delete(h.Keys, id)
	}
	for id, thumbprint := range set {
		if _, known := h.Keys[id]; known {
			continue
		}
		record := keyRecord{Thumbprint: thumbprint, FirstSeen: now}
		if !first {
			record.KnownTo = h.FreshUntil
		}
		h.Keys[id] = record
	}
	h.ReadAt, h.FreshUntil = now, now.Add(fresh)
	return failure
}

// signed notes that a key has signed a token that is good until then. It
// returns since when the key is known.
func (h *keyHistory) signed(id string, until, now time.Time) (time.Time, *exchange.Failure) {
	record, ok := h.Keys[id]
	if !ok {
		return now, nil
	}
	if until.After(record.SignedUntil) {
		record.SignedUntil = until
		h.Keys[id] = record
	}
	if record.KnownTo.After(now) {
		return record.FirstSeen, exchange.Brokenf(verdict.Keys, "the key %q signs already, but caches of the key set from before it was published may be in use until %s", shorten(id), clock(record.KnownTo))
	}
	return record.FirstSeen, nil
}

const keysPage = "keys"

// watchKeys compares the key set in hand with what all probes of the target
// have seen before.
func (s *Session) watchKeys(fresh time.Duration) error {
	set := make(map[string]string, len(s.keys.Keys))
	for _, key := range s.keys.Keys {
		thumbprint, err := key.Thumbprint(crypto.SHA256)
		if err != nil {
			return exchange.Brokenf(verdict.Keys, "the key %q cannot be used: %v", shorten(key.KeyID), err)
		}
		encoded := base64.RawURLEncoding.EncodeToString(thumbprint)
		set[idOf(key.KeyID, encoded)] = encoded
	}
	var history keyHistory
	var failure *exchange.Failure
	if err := s.cfg.Memory.Update(keysPage, &history, func() {
		failure = history.read(s.issuer(), set, s.Now(), fresh)
	}); err != nil {
		return fmt.Errorf("remember keys: %w", err)
	}
	if failure != nil {
		return failure
	}
	return nil
}

// watchSigner notes that key has signed a token with this payload.
func (s *Session) watchSigner(name string, key jose.JSONWebKey, payload []byte) error {
	thumbprint, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return exchange.Brokenf(verdict.Keys, "the key %q cannot be used: %v", shorten(key.KeyID), err)
	}
	var claims struct {
		Expires float64 `json:"exp"`
	}
	// A payload without exp, or none at all, is judged by whoever reads it.
	_ = json.Unmarshal(payload, &claims)
	until := time.Unix(int64(claims.Expires), 0)
	if limit := s.Now().Add(24 * time.Hour); until.After(limit) {
		until = limit
	}
	var history keyHistory
	var since time.Time
	var failure *exchange.Failure
	if err := s.cfg.Memory.Update(keysPage, &history, func() {
		since, failure = history.signed(idOf(key.KeyID, base64.RawURLEncoding.EncodeToString(thumbprint)), until, s.Now())
	}); err != nil {
		return fmt.Errorf("remember signer of the %s: %w", name, err)
	}
	s.Figure("key_age_seconds", s.Now().Sub(since).Seconds())
	if failure != nil {
		return failure
	}
	return nil
}

// idOf names a key that has no name by its thumbprint.
func idOf(id, thumbprint string) string {
	if id == "" {
		return thumbprint
	}
	return id
}

// freshFor is how long a cache may use an answer without asking again (RFC
// 9111, section 5.2.2.1).
func freshFor(header http.Header) time.Duration {
	for _, directive := range strings.Split(header.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if !strings.EqualFold(name, "max-age") {
			continue
		}
		seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
		if err != nil {
			return 0
		}
		return min(time.Duration(seconds)*time.Second, 24*time.Hour)
	}
	return 0
}
