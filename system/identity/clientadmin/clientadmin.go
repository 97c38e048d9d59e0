// Package clientadmin registers relying parties: it checks a registration and
// stores it. Who may do that, and in which words a registration arrives, is for
// the surface that calls it.
package clientadmin

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/store"
)

// Store takes registrations. Every write is in two zones when it returns nil.
// Any error but those named, and that of a change, leaves the outcome unknown;
// writing the same again is safe.
type Store interface {
	// CreateClient adds a client. It fails with store.ErrExists when there is
	// another with this id; the very same is no error.
	CreateClient(ctx context.Context, c *clients.Client) error
	// ChangeClient changes a client and returns it; no other change comes in
	// between. It may call change again, and fails with its error, or with
	// store.ErrNotFound.
	ChangeClient(ctx context.Context, id string, change func(*clients.Client) error) (*clients.Client, error)
}

// ErrExists means that another client has the id.
var ErrExists = errors.New("client id is taken")

// ErrUnknown means that there is no such client.
var ErrUnknown = errors.New("client is not known")

// InvalidError lists what is wrong with a registration.
type InvalidError struct{ Problems []Problem }

func (e *InvalidError) Error() string {
	text := "registration is not valid:"
	for _, problem := range e.Problems {
		text += fmt.Sprintf(" %s %s;", problem.Field, problem.Reason)
	}
	return text[:len(text)-1]
}

// Service registers clients.
type Service struct{ Store Store }

// Create registers c. It fails with *InvalidError, ErrExists, or an
// infrastructure error. Doing it again with the same client is no error: an
// answer may have been lost.
func (s *Service) Create(ctx context.Context, c *clients.Client) error {
	if err := check(c); err != nil {
		return err
	}
	err := s.Store.CreateClient(ctx, c)
	if errors.Is(err, store.ErrExists) {
		return ErrExists
	}
	if err != nil {
		return fmt.Errorf("create client: %w", err)
	}
	return nil
}

// Update makes change to the client with id, which stays what it is. It fails
// with *InvalidError, ErrUnknown, or an infrastructure error; doing it again is
// safe if change is.
func (s *Service) Update(ctx context.Context, id string, change func(*clients.Client)) (*clients.Client, error) {
	changed, err := s.Store.ChangeClient(ctx, id, func(c *clients.Client) error {
		change(c)
		c.ID = id
		return check(c)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, fmt.Errorf("update client: %w", err)
	}
	return changed, nil
}

func check(c *clients.Client) error {
	if problems := Validate(c); len(problems) > 0 {
		return &InvalidError{Problems: problems}
	}
	return nil
}

// Key returns a public key that clients may register, from its JWK (RFC 7517).
// A key without kid gets its thumbprint (RFC 7638) as one.
func Key(jwk []byte) (jose.JSONWebKey, error) {
	var key jose.JSONWebKey
	if len(jwk) > maxKey {
		return key, fmt.Errorf("key has more than %d bytes", maxKey)
	}
	if err := key.UnmarshalJSON(jwk); err != nil {
		return key, fmt.Errorf("read key: %w", err)
	}
	if key.KeyID == "" {
		thumbprint, err := thumbprint(&key)
		if err != nil {
			return key, err
		}
		key.KeyID = thumbprint
	}
	return key, nil
}
