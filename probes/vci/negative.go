package vci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// memory keeps a nonce of an earlier run until it is old enough to be stale.
type memory struct {
	mu    sync.Mutex
	nonce string
	since time.Time
}

// stale returns a nonce that is older than life, and keeps the new one for
// later where none waits.
func (m *memory) stale(fresh string, now time.Time, life time.Duration) (string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.nonce
	if old != "" && now.Sub(m.since) <= life {
		return "", false
	}
	m.nonce, m.since = fresh, now
	return old, old != ""
}

// refusal is one request that an issuer must refuse.
type refusal struct {
	name string
	// send makes the request. The string says why the case does not apply.
	send func(ctx context.Context, s *session) (*exchange.Reply, string, error)
	// errors that the standard allows, and statuses where there is no error to
	// be read: 401 of RFC 6750.
	errors   []string
	statuses []int
	// accepted is the reason where it is not refused.
	accepted verdict.Reason
}

// refusals makes a right request first: without it, refusals would prove
// nothing. Then every wrong one, whatever the others found.
func (s *session) refusals(ctx context.Context, memory *memory) error {
	if err := s.obtain(ctx); err != nil {
		return err
	}
	var failures []*exchange.Failure
	firstStep, skipped, taken := "", 0, 0
	for _, one := range s.cases(memory) {
		failure, applied, err := s.try(ctx, one)
		if err != nil {
			return err
		}
		if !applied {
			skipped++
			continue
		}
		taken++
		if failure == nil {
			continue
		}
		if firstStep == "" {
			firstStep = one.name
		}
		failures = append(failures, failure)
	}
	s.Figure("refusals_checked_total", float64(taken))
	s.Figure("refusals_skipped_total", float64(skipped))
	if len(failures) == 0 {
		return nil
	}
	s.Result().FailedStep = firstStep
	return sum(failures)
}

// sum is one failure for all: the first gives the reason.
func sum(failures []*exchange.Failure) *exchange.Failure {
	texts := make([]string, len(failures))
	for index, failure := range failures {
		texts[index] = failure.Detail
	}
	return exchange.Brokenf(failures[0].Reason, "%s", strings.Join(texts, "; "))
}

// try makes one wrong request and judges the answer. A failure of the
// infrastructure is an error: then nothing is known, and the attempt ends.
func (s *session) try(ctx context.Context, one refusal) (failure *exchange.Failure, applied bool, err error) {
	var why string
	err = s.Take(ctx, one.name, func(ctx context.Context) error {
		var reply *exchange.Reply
		var err error
		reply, why, err = one.send(ctx, s)
		if err != nil || why != "" {
			return err
		}
		return one.judge(reply)
	})
	if why != "" {
		steps := s.Result().Steps
		s.Result().Steps = steps[:len(steps)-1]
		s.Skip(one.name, why)
		return nil, false, nil
	}
	if err == nil {
		return nil, true, nil
	}
	if !errors.As(err, &failure) || failure.Reason.Transient() || failure.Reason.Verdict() != verdict.Fail {
		return nil, true, err
	}
	return failure, true, nil
}

// judge wants a refusal in the words of the standard. Whoever is in trouble
// has refused nothing.
func (c refusal) judge(reply *exchange.Reply) error {
	if exchange.InTrouble(reply.Status) {
		return exchange.Unexpected(reply, "asked for "+c.name)
	}
	if reply.Status < 400 {
		return exchange.Brokenf(c.accepted, "%s was accepted: the answer was %d", c.name, reply.Status)
	}
	if slices.Contains(c.statuses, reply.Status) {
		return nil
	}
	said := errorIn(reply)
	if reply.Status == http.StatusBadRequest && slices.Contains(c.errors, said) {
		return nil
	}
	if len(c.statuses) > 0 {
		return exchange.Brokenf(verdict.Content, "%s was refused with %d and the error %q, expected the status %s", c.name, reply.Status, shorten(said), list(c.statuses))
	}
	return exchange.Brokenf(verdict.Content, "%s was refused with %d and the error %q, expected 400 and %s", c.name, reply.Status, shorten(said), strings.Join(c.errors, " or "))
}

func list(statuses []int) string {
	return strings.Join(strings.Fields(strings.Trim(fmt.Sprint(statuses), "[]")), " or ")
}

// errorIn reads the error of an answer (OpenID4VCI 1.0, 8.3.1.2).
func errorIn(reply *exchange.Reply) string {
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(reply.Body, &said) != nil {
		return ""
	}
	return said.Error
}
