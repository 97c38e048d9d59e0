package offer

import (
	"errors"
	"slices"
	"time"

	"tocsin/system/identity/secret"
)

// ErrInvalid means that a text is no code, state or reference of this issuer,
// or has expired.
var ErrInvalid = errors.New("offer is unknown or has expired")

// Offer is what an offer stands for.
type Offer struct {
	// ID tells two offers apart; it becomes the family of tokens.
	ID             string   `json:"id"`
	Configurations []string `json:"cfg"`
	// Person is set when there is a pre-authorized code.
	Person string `json:"person,omitempty"`
	// TxCode is what the person has to type in, or empty.
	TxCode string `json:"tx,omitempty"`
	// Hint tells the person where the transaction code is.
	Hint string `json:"hint,omitempty"`
	// Authorize says that the authorization code flow is offered.
	Authorize bool      `json:"authz,omitempty"`
	Expires   time.Time `json:"exp"`
}

// State is what an issuer_state stands for. Anybody may have put it into a
// request (OpenID4VCI 1.0, 5.1.3): it says that there was an offer, not that
// this user was meant by it.
type State struct {
	Offer          string    `json:"id"`
	Configurations []string  `json:"cfg"`
	Expires        time.Time `json:"exp"`
}

// Sealer makes the texts in offers and opens them.
type Sealer struct {
	codes, references, states *secret.Box
	now                       func() time.Time
}

// NewSealer returns a sealer with keys.
func NewSealer(keys *secret.Keys, now func() time.Time) (*Sealer, error) {
	s := &Sealer{now: now}
	for purpose, box := range map[string]**secret.Box{
		"vci/pre-authorized-code": &s.codes, "vci/offer": &s.references, "vci/issuer-state": &s.states,
	} {
		var err error
		if *box, err = keys.Box(purpose); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Code returns the pre-authorized code of o, the same each time.
func (s *Sealer) Code(o *Offer) (string, error) { return s.codes.SealSame(o) }

// Redeem returns what a pre-authorized code stands for.
func (s *Sealer) Redeem(code string) (*Offer, error) {
	o, err := s.open(s.codes, code)
	if err == nil && o.Person == "" {
		return nil, ErrInvalid
	}
	return o, err
}

// Reference returns the last part of the address of o.
func (s *Sealer) Reference(o *Offer) (string, error) { return s.references.SealSame(o) }

// Resolve returns the offer at an address.
func (s *Sealer) Resolve(reference string) (*Offer, error) { return s.open(s.references, reference) }

func (s *Sealer) open(box *secret.Box, text string) (*Offer, error) {
	o := &Offer{}
	if err := box.Open(text, o); err != nil || s.now().After(o.Expires) {
		return nil, ErrInvalid
	}
	return o, nil
}

// State returns the issuer_state of o.
func (s *Sealer) State(o *Offer) (string, error) {
	return s.states.SealSame(&State{Offer: o.ID, Configurations: slices.Clone(o.Configurations), Expires: o.Expires})
}

// OpenState returns what an issuer_state stands for, or ErrInvalid.
func (s *Sealer) OpenState(text string) (*State, error) {
	state := &State{}
	if err := s.states.Open(text, state); err != nil || s.now().After(state.Expires) {
		return nil, ErrInvalid
	}
	return state, nil
}
