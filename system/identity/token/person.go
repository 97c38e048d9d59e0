package token

import (
	"fmt"

	"tocsin/system/identity/secret"
)

// Persons seals the authenticator's reference to a person into tokens, so that
// no store is needed to find the person again. Two seals of one person differ:
// clients that compare their tokens learn nothing (OpenID Connect Core, 17.3).
type Persons struct{ box *secret.Box }

// NewPersons returns a sealer with keys.
func NewPersons(keys *secret.Keys) (*Persons, error) {
	box, err := keys.Box("person")
	if err != nil {
		return nil, err
	}
	return &Persons{box: box}, nil
}

// Seal returns the pid claim for a person.
func (p *Persons) Seal(person string) (string, error) { return p.box.Seal(person) }

// Open returns the person that a pid claim stands for. The token around it was
// verified, so that this fails only when the secret that sealed it is gone.
func (p *Persons) Open(pid string) (string, error) {
	var person string
	if err := p.box.Open(pid, &person); err != nil {
		return "", fmt.Errorf("open person of access token: %w", err)
	}
	return person, nil
}
