// Package person knows who can log in and checks their PIN. It neither counts
// attempts nor decides what a client learns of a person.
package person

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	"tocsin/system/identity/secret"
	"tocsin/system/identity/store"
)

// Person is somebody with a national identity.
type Person struct {
	IndividualID string
	Subject      string
	PINHash      []byte
	Claims       map[string]any
}

// Store reads persons; store.ErrNotFound only when it is sure.
type Store interface {
	Person(ctx context.Context, individualID string) (*Person, error)
	PersonBySubject(ctx context.Context, subject string) (*Person, error)
}

// Directory finds persons and checks PINs.
type Directory struct {
	Store
	keys *secret.Keys
}

// NewDirectory returns a directory over people.
func NewDirectory(people Store, keys *secret.Keys) *Directory {
	return &Directory{Store: people, keys: keys}
}

// Check returns a function that tells whether a PIN is right for individualID,
// and the person. The database is asked here, before an attempt is counted:
// an attempt must not be spent on an answer that could not be had.
func (d *Directory) Check(ctx context.Context, individualID string) (func(pin string) (*Person, bool), error) {
	found, err := d.Person(ctx, individualID)
	if errors.Is(err, store.ErrNotFound) {
		// As much work as for a known person, so that time does not tell who exists.
		found = &Person{IndividualID: individualID, PINHash: make([]byte, 32)}
	} else if err != nil {
		return nil, fmt.Errorf("read person: %w", err)
	}
	return func(pin string) (*Person, bool) {
		same := subtle.ConstantTimeCompare(found.PINHash, d.keys.PIN(individualID, pin)) == 1
		return found, same && found.Subject != ""
	}, nil
}
