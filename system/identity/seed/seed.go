// Package seed fills the database with clients from a file. Running it again
// with the same file changes nothing.
package seed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"tocsin/system/identity/clientadmin"
	"tocsin/system/identity/clients"
)

// maxFile bounds a seed file.
const maxFile = 16 << 20

// File is the content of a seed file. The members of a client have the names of
// RFC 7591 and OpenID Connect Registration.
type File struct {
	Clients []clients.Client `json:"clients"`
}

// Parse reads a seed file. A member that is not known is an error, and so is a
// client that could not be registered in any other way. All problems come back
// at once.
func Parse(text []byte) (*File, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("parse seed: %d bytes, more than %d", len(text), maxFile)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	file := &File{}
	if err := decoder.Decode(file); err != nil {
		return nil, fmt.Errorf("parse seed: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("parse seed: there is more after the first object")
	}
	return file, file.validate()
}

func (f *File) validate() error {
	var problems []error
	first := map[string]int{}
	for i := range f.Clients {
		client := &f.Clients[i]
		for _, problem := range clientadmin.Validate(client) {
			problems = append(problems, fmt.Errorf("clients[%d] %.64q: %s %s", i, client.ID, problem.Field, problem.Reason))
		}
		if before, twice := first[client.ID]; twice {
			problems = append(problems, fmt.Errorf("clients[%d] %.64q: client_id is that of clients[%d]", i, client.ID, before))
			continue
		}
		first[client.ID] = i
	}
	return errors.Join(problems...)
}

// Store takes clients, and says yes only when they are in two zones.
type Store interface {
	PutClients(ctx context.Context, all []clients.Client) error
}

// Apply writes the file into store.
func Apply(ctx context.Context, file *File, store Store) error {
	return store.PutClients(ctx, file.Clients)
}
