package credential

import (
	"tocsin/system/identity/compact"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/vci/message"
)

// request is a credential request (OpenID4VCI 1.0, 8.2). Exactly one of
// identifier and configuration is there.
type request struct {
	identifier, configuration string
	proofs, encryption        []byte
}

// parse reads a request. Members that are not known are ignored.
func parse(text []byte) (*request, error) {
	parsed := &request{}
	err := message.Members(text, oautherr.InvalidCredentialRequest, func(name string, value []byte) (err error) {
		switch name {
		case "credential_identifier":
			parsed.identifier, err = compact.String(value)
		case "credential_configuration_id":
			parsed.configuration, err = compact.String(value)
		case "proofs":
			parsed.proofs = value
		case "proof": // of drafts before 1.0
			err = oautherr.New(oautherr.InvalidProof, "proof is not a parameter; proofs is")
		case "credential_response_encryption":
			parsed.encryption = value
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if (parsed.identifier == "") == (parsed.configuration == "") {
		return nil, oautherr.New(oautherr.InvalidCredentialRequest, "exactly one of credential_identifier and credential_configuration_id is needed")
	}
	return parsed, nil
}
