// Package store holds what the stores of the provider have in common: the
// answers a caller may branch on. Every other error means that the store
// cannot tell, and what was asked for may or may not have happened.
package store

import "errors"

var (
	// ErrNotFound means that the store answered, and has no such thing.
	ErrNotFound = errors.New("not found")
	// ErrConsumed means that the store answered, and the thing was used before.
	ErrConsumed = errors.New("already used")
	// ErrExists means that the store answered, and something else has this id.
	ErrExists = errors.New("already exists")
)
