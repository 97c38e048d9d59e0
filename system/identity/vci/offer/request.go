package offer

import (
	"encoding/json"
	"slices"

	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/vci/message"
)

// wanted is a request for an offer.
type wanted struct {
	configurations, grants []string
	person, hint           string
	// digits is the length of the transaction code, 0 for none.
	digits int
}

// Bounds of what may be asked for.
const (
	maxConfigurations        = 8
	minDigits, defaultDigits = 4, 6
	maxDigits                = 10
	maxHint                  = 300 // OpenID4VCI 1.0, 4.1.1
	maxPerson                = 256
)

// parse reads a request for an offer:
//
//	{"credential_configuration_ids": [...], "grants": [grant types; the
//	pre-authorized code when absent], "person": "...",
//	"tx_code": {"length": 6, "description": "..."}}
func parse(text []byte) (*wanted, error) {
	asked := &wanted{grants: []string{PreAuthorizedCode}}
	err := message.Members(text, oautherr.InvalidRequest, func(name string, value []byte) (err error) {
		switch name {
		case "credential_configuration_ids":
			err = json.Unmarshal(value, &asked.configurations)
		case "grants":
			asked.grants = nil
			err = json.Unmarshal(value, &asked.grants)
		case "person":
			err = json.Unmarshal(value, &asked.person)
		case "tx_code":
			err = asked.transactionCode(value)
		}
		if err != nil && oautherr.Verdict(err) == nil {
			err = oautherr.New(oautherr.InvalidRequest, "%s has the wrong type", name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return asked, asked.check()
}

func (a *wanted) transactionCode(value []byte) error {
	wish := struct {
		Length      int    `json:"length"`
		Description string `json:"description"`
	}{Length: defaultDigits}
	if err := json.Unmarshal(value, &wish); err != nil {
		return err
	}
	if wish.Length < minDigits || wish.Length > maxDigits || len(wish.Description) > maxHint {
		return oautherr.New(oautherr.InvalidRequest, "tx_code must have %d to %d digits and a description of at most %d bytes", minDigits, maxDigits, maxHint)
	}
	a.digits, a.hint = wish.Length, wish.Description
	return nil
}

func (a *wanted) check() error {
	sorted := slices.Sorted(slices.Values(a.configurations))
	switch {
	case len(sorted) == 0 || len(sorted) > maxConfigurations || len(slices.Compact(sorted)) != len(a.configurations):
		return oautherr.New(oautherr.InvalidRequest, "credential_configuration_ids must be 1 to %d different ids", maxConfigurations)
	case len(a.grants) == 0 || slices.ContainsFunc(a.grants, func(grant string) bool {
		return grant != authorizationCode && grant != PreAuthorizedCode
	}):
		return oautherr.New(oautherr.InvalidRequest, "grants must be authorization_code, the pre-authorized code or both")
	case len(a.person) > maxPerson:
		return oautherr.New(oautherr.InvalidRequest, "person is too long")
	}
	return nil
}
