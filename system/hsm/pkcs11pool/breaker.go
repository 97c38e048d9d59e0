package pkcs11pool

import (
	"sync"
	"time"
)

const (
	// breakAfter failures in a row, each with its own recovery, open the breaker.
	breakAfter = 5
	// breakFor is short: a token that is back should be in use within a second.
	breakFor = 500 * time.Millisecond
)

// breaker lets one caller try a token that keeps failing, and turns the others
// away at once.
type breaker struct {
	mu       sync.Mutex
	failures int
	until    time.Time
	trying   bool
}

func (b *breaker) allow(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < breakAfter {
		return true
	}
	if b.trying || now.Before(b.until) {
		return false
	}
	b.trying = true
	return true
}

// abstain takes back an allow whose operation never started.
func (b *breaker) abstain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
}

func (b *breaker) record(success bool, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
	if success {
		b.failures = 0
		return
	}
	b.failures++
	b.until = now.Add(breakFor)
}
