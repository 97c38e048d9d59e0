// Package memory keeps issuances in memory, for tests of the protocol. The
// conformance suite of the real store runs against it too.
package memory

import (
	"context"
	"slices"
	"sync"
	"time"

	"tocsin/system/identity/store"
	"tocsin/system/identity/vci/record"
)

// Store implements record.Store. It is safe for concurrent use.
type Store struct {
	mu        sync.Mutex
	next      uint64
	issuances map[string]*kept
	revoked   map[uint64]time.Time
	// err, when set, is what every method returns: the database is away.
	err error
}

type kept struct {
	record.Issuance
	collected    time.Time
	notification *record.Notification
}

// New returns an empty store whose serials start at first.
func New(first uint64) *Store {
	return &Store{next: first, issuances: map[string]*kept{}, revoked: map[uint64]time.Time{}}
}

// Fail makes every call fail with err until it is called with nil.
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// Issue implements record.Store.
func (s *Store) Issue(_ context.Context, issuance *record.Issuance) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if known, again := s.issuances[issuance.ID]; again {
		issuance.Credentials = slices.Clone(known.Credentials)
		issuance.IssuedAt, issuance.ExpiresAt = known.IssuedAt, known.ExpiresAt
		return nil
	}
	for i := range issuance.Credentials {
		issuance.Credentials[i].Serial = s.next
		s.next++
	}
	saved := &kept{Issuance: *issuance}
	saved.Credentials = slices.Clone(issuance.Credentials)
	s.issuances[issuance.ID] = saved
	return nil
}

// Collect implements record.Store.
func (s *Store) Collect(_ context.Context, id string, at time.Time, grace time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	known, found := s.issuances[id]
	switch {
	case !found:
		return store.ErrNotFound
	case known.collected.IsZero():
		known.collected = at
	case at.Sub(known.collected) > grace:
		return store.ErrConsumed
	}
	return nil
}

// Notify implements record.Store.
func (s *Store) Notify(_ context.Context, n record.Notification) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	known, found := s.issuances[n.Issuance]
	if !found || known.Person != n.Person || known.ClientID != n.ClientID {
		return store.ErrNotFound
	}
	if known.notification == nil || known.notification.Event != n.Event {
		known.notification = &n
	}
	return nil
}

// Notification returns the newest notification of an issuance, or nil.
func (s *Store) Notification(issuance string) *record.Notification {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, found := s.issuances[issuance]; found {
		return known.notification
	}
	return nil
}

// Revoke implements record.Store.
func (s *Store) Revoke(_ context.Context, id string, at time.Time) ([]uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	var serials []uint64
	for _, issuance := range s.issuances {
		for _, credential := range issuance.Credentials {
			if issuance.ID == id || credential.ID == id {
				serials = append(serials, credential.Serial)
			}
		}
	}
	if serials == nil {
		return nil, store.ErrNotFound
	}
	for _, serial := range serials {
		if _, already := s.revoked[serial]; !already {
			s.revoked[serial] = at
		}
	}
	return serials, nil
}

// Revoked implements record.Store.
func (s *Store) Revoked(_ context.Context, since time.Time) ([]uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	var serials []uint64
	for serial, at := range s.revoked {
		if !at.Before(since) {
			serials = append(serials, serial)
		}
	}
	return serials, nil
}

// Next implements record.Store.
func (s *Store) Next(context.Context) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next, s.err
}
