// Package seed fills the database with clients and persons from a file.
// Running it again with the same file changes nothing.
package seed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/person"
	"tocsin/system/identity/secret"
)

// File is the content of a seed file.
type File struct {
	Clients []Client `json:"clients"`
	Persons []Person `json:"persons"`
	Ranges  []Range  `json:"ranges"`
}

// Client is a relying party.
type Client struct {
	ID           string             `json:"id"`
	Name         string             `json:"name"`
	RedirectURIs []string           `json:"redirect_uris"`
	JWKS         jose.JSONWebKeySet `json:"jwks"`
	Scopes       []string           `json:"scopes"`
	GrantTypes   []string           `json:"grant_types"`
}

// Person is one person with their PIN.
type Person struct {
	IndividualID string         `json:"individual_id"`
	PIN          string         `json:"pin"`
	Claims       map[string]any `json:"claims"`
}

// Range is Count persons with consecutive ids and one PIN, for load tests.
type Range struct {
	First string `json:"first"`
	Count int    `json:"count"`
	PIN   string `json:"pin"`
}

// maxRange bounds one range.
const maxRange = 1_000_000

// Parse reads a seed file; an unknown key is an error.
func Parse(text []byte) (*File, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	file := &File{}
	if err := decoder.Decode(file); err != nil {
		return nil, fmt.Errorf("parse seed: %w", err)
	}
	return file, file.validate()
}

func (f *File) validate() error {
	var problems []error
	for i, c := range f.Clients {
		if c.ID == "" || c.Name == "" || len(c.JWKS.Keys) == 0 || len(c.GrantTypes) == 0 {
			problems = append(problems, fmt.Errorf("clients[%d]: id, name, jwks and grant_types are all needed", i))
		}
		for _, key := range c.JWKS.Keys {
			if !key.IsPublic() {
				problems = append(problems, fmt.Errorf("clients[%d]: jwks must hold public keys only", i))
			}
		}
	}
	for i, p := range f.Persons {
		if p.IndividualID == "" || p.PIN == "" {
			problems = append(problems, fmt.Errorf("persons[%d]: individual_id and pin are both needed", i))
		}
	}
	for i, r := range f.Ranges {
		if _, err := strconv.ParseUint(r.First, 10, 63); err != nil || r.Count < 1 || r.Count > maxRange || r.PIN == "" {
			problems = append(problems, fmt.Errorf("ranges[%d]: first must be a number, count 1 to %d, pin not empty", i, maxRange))
		}
	}
	return errors.Join(problems...)
}

// Store takes clients and persons.
type Store interface {
	PutClients(ctx context.Context, all []clients.Client) error
	PutPersons(ctx context.Context, all []person.Person) error
}

// batchSize bounds one transaction.
const batchSize = 1000

// Apply writes the file into store.
func Apply(ctx context.Context, file *File, store Store, keys *secret.Keys) error {
	var all []clients.Client
	for _, c := range file.Clients {
		all = append(all, clients.Client{
			ID: c.ID, Name: c.Name, RedirectURIs: list(c.RedirectURIs), Keys: c.JWKS, Scopes: list(c.Scopes), GrantTypes: c.GrantTypes,
		})
	}
	if err := store.PutClients(ctx, all); err != nil {
		return err
	}
	people := make([]person.Person, 0, batchSize)
	flush := func() error {
		err := store.PutPersons(ctx, people)
		people = people[:0]
		return err
	}
	for p := range file.people {
		people = append(people, person.Person{
			IndividualID: p.IndividualID, Subject: keys.Subject(p.IndividualID),
			PINHash: keys.PIN(p.IndividualID, p.PIN), Claims: p.Claims,
		})
		if len(people) < batchSize {
			continue
		}
		if err := flush(); err != nil {
			return err
		}
	}
	return flush()
}

// people yields the persons and those of the ranges.
func (f *File) people(yield func(Person) bool) {
	for _, p := range f.Persons {
		if p.Claims == nil {
			p.Claims = map[string]any{}
		}
		if !yield(p) {
			return
		}
	}
	for _, r := range f.Ranges {
		first, err := strconv.ParseUint(r.First, 10, 63)
		if err != nil {
			return // Parse refused it
		}
		for i := range uint64(r.Count) {
			id := fmt.Sprintf("%0*d", len(r.First), first+i)
			if !yield(Person{IndividualID: id, PIN: r.PIN, Claims: synthetic(id)}) {
				return
			}
		}
	}
}

// synthetic returns the claims of a person of a range.
func synthetic(id string) map[string]any {
	return map[string]any{
		"name": "Load Person " + id, "given_name": "Load", "family_name": "Person " + id, "birthdate": "1990-01-01",
	}
}

// list keeps an empty list from becoming NULL.
func list(values []string) []string {
	if values == nil {
		return []string{}
	}
	return values
}
