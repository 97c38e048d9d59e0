package offer

import (
	"encoding/json"
	"fmt"
	"net/url"
)

// PreAuthorizedCode is the grant type of OpenID4VCI 1.0, 4.1.1.
const PreAuthorizedCode = "urn:ietf:params:oauth:grant-type:pre-authorized_code"

// authorizationCode is the grant type of RFC 6749.
const authorizationCode = "authorization_code"

// scheme invokes a wallet (OpenID4VCI 1.0, 12.1.1).
const scheme = "openid-credential-offer://?"

// Path is where offers are, under the issuer.
const Path = "/vci/offers"

// document is a credential offer (OpenID4VCI 1.0, 4.1.1).
type document struct {
	Issuer         string   `json:"credential_issuer"`
	Configurations []string `json:"credential_configuration_ids"`
	Grants         grants   `json:"grants"`
}

type grants struct {
	AuthorizationCode *codeGrant    `json:"authorization_code,omitempty"`
	PreAuthorized     *preAuthGrant `json:"urn:ietf:params:oauth:grant-type:pre-authorized_code,omitempty"`
}

type codeGrant struct {
	State string `json:"issuer_state"`
}

type preAuthGrant struct {
	Code   string  `json:"pre-authorized_code"`
	TxCode *txCode `json:"tx_code,omitempty"`
}

type txCode struct {
	Mode        string `json:"input_mode"`
	Length      int    `json:"length"`
	Description string `json:"description,omitempty"`
}

// document renders an offer.
func (s *Sealer) document(issuer string, o *Offer) (*document, error) {
	d := &document{Issuer: issuer, Configurations: o.Configurations}
	if o.Authorize {
		state, err := s.State(o)
		if err != nil {
			return nil, fmt.Errorf("render offer: %w", err)
		}
		d.Grants.AuthorizationCode = &codeGrant{State: state}
	}
	if o.Person != "" {
		code, err := s.Code(o)
		if err != nil {
			return nil, fmt.Errorf("render offer: %w", err)
		}
		d.Grants.PreAuthorized = &preAuthGrant{Code: code}
		if o.TxCode != "" {
			d.Grants.PreAuthorized.TxCode = &txCode{Mode: "numeric", Length: len(o.TxCode), Description: o.Hint}
		}
	}
	return d, nil
}

// byValue is the link with the offer in it.
func (d *document) byValue() (string, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("encode offer: %w", err)
	}
	return scheme + url.Values{"credential_offer": {string(text)}}.Encode(), nil
}

// byReference is the link with the address of the offer in it.
func byReference(address string) string {
	return scheme + url.Values{"credential_offer_uri": {address}}.Encode()
}
