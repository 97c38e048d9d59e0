package configuration

import (
	"encoding/json"
	"errors"
	"slices"

	"tocsin/system/identity/compact"
)

// maxDetails bounds authorization_details.
const maxDetails = 16

// Errors of authorization_details; they are for the developer of a wallet.
var (
	errDetails     = errors.New("not a JSON array of 1 to 16 objects of type openid_credential")
	errUnknown     = errors.New("there is no such credential configuration")
	errElsewhere   = errors.New("locations does not name this issuer")
	errNotAsString = errors.New("a member has the wrong type")
)

// Requested returns the ids of the configurations that authorization_details
// asks for, each once (OpenID4VCI 1.0, 5.1.1). An error is a verdict on the
// text: invalid_authorization_details (RFC 9396, 5).
func (s *Set) Requested(text string) ([]string, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal([]byte(text), &raw); err != nil || len(raw) == 0 || len(raw) > maxDetails {
		return nil, errDetails
	}
	var ids []string
	for _, detail := range raw {
		id, err := s.requested(detail)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (s *Set) requested(detail []byte) (string, error) {
	var kind, id string
	var locations []string
	err := compact.Members(detail, func(name string, value []byte) (err error) {
		switch name {
		case "type":
			kind, err = compact.String(value)
		case "credential_configuration_id":
			id, err = compact.String(value)
		case "locations":
			locations, err = compact.Strings(value, maxDetails)
		}
		return err
	})
	switch {
	case err != nil:
		return "", errNotAsString
	case kind != "openid_credential":
		return "", errDetails
	case locations != nil && !slices.Contains(locations, s.Issuer):
		return "", errElsewhere
	}
	if _, known := s.byID[id]; !known {
		return "", errUnknown
	}
	return id, nil
}

// Identifiers returns the credential identifiers of a configuration: a person
// has one dataset for each (OpenID4VCI 1.0, 6.2).
func (s *Set) Identifiers(id string) []string { return []string{id + "/1"} }
