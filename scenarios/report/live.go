package report

import (
	"fmt"
	"io"
	"sync"
	"time"

	"tocsin/scenarios/engine"
)

// quietEvery is how often the load is told of where lines cannot be rewritten.
const quietEvery = 5 * time.Second

// Live shows a scenario to a person who waits for it. It is safe for concurrent
// use. What it cannot write is lost: showing must not end a scenario.
type Live struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool
	started  time.Time
	told     time.Time
	open     bool
}

// NewLive shows on out; a terminal has the line of the load rewritten.
func NewLive(out io.Writer, terminal bool) *Live {
	return &Live{out: out, terminal: terminal, started: time.Now()}
}

// Show shows one thing.
func (l *Live) Show(progress engine.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	clock := fmt.Sprintf("%6.1fs", now.Sub(l.started).Seconds())
	if progress.Text != "" {
		l.closeLine()
		fmt.Fprintf(l.out, "%s  %-14s %s\n", clock, progress.Phase, progress.Text)
		return
	}
	if !l.terminal && now.Sub(l.told) < quietEvery {
		return
	}
	l.told = now
	text := fmt.Sprintf("%s  %-14s %d logins/s, %d errors/s, %d logins, %d failed",
		clock, progress.Phase, progress.Succeeded, progress.Problems, progress.Logins, progress.Failed)
	if !l.terminal {
		fmt.Fprintln(l.out, text)
		return
	}
	fmt.Fprintf(l.out, "\r\x1b[K%s", text)
	l.open = true
}

// Close ends a line that is still being rewritten.
func (l *Live) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closeLine()
}

func (l *Live) closeLine() {
	if l.open {
		fmt.Fprint(l.out, "\r\x1b[K")
		l.open = false
	}
}
