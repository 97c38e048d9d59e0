package ledger

import (
	"context"
	"fmt"
	"sort"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Finding is what one reading of one entry said.
type Finding int

const (
	// Unread means that nothing can be said: no answer, or an answer of the
	// infrastructure. It is read again until the deadline.
	Unread Finding = iota
	// Kept means that the target still honours its acknowledgement.
	Kept
	// Lost means that an acknowledged consent is gone.
	Lost
	// Doubled means that a redeemed code was accepted again.
	Doubled
)

// Book reads acknowledgements back. Reason is for people.
type Book interface {
	ReadGrant(ctx context.Context, id string) (finding Finding, reason string)
	ReadCode(ctx context.Context, code, verifier string) (finding Finding, reason string)
}

// Breach is one acknowledgement that was not honoured, or could not be read.
type Breach struct {
	Kind   Kind      `json:"kind"`
	ID     string    `json:"id"`
	Acked  time.Time `json:"acked"`
	Reason string    `json:"reason"`
}

// Audit is what became of a ledger.
type Audit struct {
	Written int `json:"written"`
	Grants  int `json:"grants"`
	Codes   int `json:"codes"`
	Kept    int `json:"kept"`
	// Lost are acknowledged consents that are gone, Doubled redeemed codes that
	// were accepted again.
	Lost    []Breach `json:"lost"`
	Doubled []Breach `json:"doubled"`
	Unknown int      `json:"unknown"`
	// Unread are examples of the unknown ones.
	Unread []Breach `json:"unread,omitempty"`
	TookMS float64  `json:"took_ms"`
}

// Auditor reads a ledger back.
type Auditor struct {
	Book Book
	// Parallel readings; 8 if 0. A target that has just recovered is not to be
	// run down by its audit.
	Parallel int
	// Deadline for everything, retries included; 1 minute if 0.
	Deadline time.Duration
	// Pause between two readings of one entry; 500 ms if 0.
	Pause time.Duration
}

// keptUnread bounds the examples of entries that could not be read.
const keptUnread = 5

func (a Auditor) withDefaults() Auditor {
	if a.Parallel < 1 {
		a.Parallel = 8
	}
	if a.Deadline <= 0 {
		a.Deadline = time.Minute
	}
	if a.Pause <= 0 {
		a.Pause = 500 * time.Millisecond
	}
	return a
}

// Audit reads every entry back. What could not be read until the deadline is
// unknown. It fails only when ctx ends.
func (a Auditor) Audit(ctx context.Context, entries []Entry) (Audit, error) {
	a = a.withDefaults()
	started := time.Now()
	limited, cancel := context.WithTimeout(ctx, a.Deadline)
	defer cancel()
	result := Audit{Written: len(entries), Lost: []Breach{}, Doubled: []Breach{}}
	var mu sync.Mutex
	var readers errgroup.Group
	readers.SetLimit(a.Parallel)
	for _, entry := range entries {
		readers.Go(func() error {
			finding, reason := a.read(limited, entry)
			mu.Lock()
			defer mu.Unlock()
			result.count(entry, finding, reason)
			return nil
		})
	}
	if err := readers.Wait(); err != nil {
		return result, fmt.Errorf("audit ledger: %w", err)
	}
	result.sort()
	result.TookMS = float64(time.Since(started)) / float64(time.Millisecond)
	if err := ctx.Err(); err != nil {
		return result, fmt.Errorf("audit ledger: %w", err)
	}
	return result, nil
}

// read repeats until there is a finding or no time left.
func (a Auditor) read(ctx context.Context, entry Entry) (Finding, string) {
	reason := "the deadline passed before it was read"
	for ctx.Err() == nil {
		finding, said := a.once(ctx, entry)
		if finding != Unread {
			return finding, said
		}
		if ctx.Err() == nil {
			reason = said
		}
		pause := time.NewTimer(a.Pause)
		select {
		case <-ctx.Done():
			pause.Stop()
		case <-pause.C:
		}
	}
	return Unread, reason
}

func (a Auditor) once(ctx context.Context, entry Entry) (Finding, string) {
	if entry.Kind == Grant {
		return a.Book.ReadGrant(ctx, entry.ID)
	}
	return a.Book.ReadCode(ctx, entry.code, entry.verifier)
}

func (a *Audit) count(entry Entry, finding Finding, reason string) {
	if entry.Kind == Grant {
		a.Grants++
	} else {
		a.Codes++
	}
	breach := Breach{Kind: entry.Kind, ID: entry.ID, Acked: entry.Acked, Reason: reason}
	switch finding {
	case Kept:
		a.Kept++
	case Lost:
		a.Lost = append(a.Lost, breach)
	case Doubled:
		a.Doubled = append(a.Doubled, breach)
	default:
		a.Unknown++
		if len(a.Unread) < keptUnread {
			a.Unread = append(a.Unread, breach)
		}
	}
}

func (a *Audit) sort() {
	for _, breaches := range [][]Breach{a.Lost, a.Doubled, a.Unread} {
		sort.Slice(breaches, func(i, j int) bool { return breaches[i].Acked.Before(breaches[j].Acked) })
	}
}
