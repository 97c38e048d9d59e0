package vci

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/oidc"
)

// detail is an entry of authorization_details (OpenID4VCI 1.0, 5.1.1 and 6.2).
type detail struct {
	Type          string   `json:"type"`
	Configuration string   `json:"credential_configuration_id,omitempty"`
	Identifiers   []string `json:"credential_identifiers,omitempty"`
	Locations     []string `json:"locations,omitempty"`
}

const credentialType = "openid_credential"

// authorize gets an access token for the credential.
func (s *session) authorize(ctx context.Context) error {
	var err error
	if s.want.Grant == target.GrantPreAuthorizedCode {
		err = s.Take(ctx, "token", func(ctx context.Context) error { return s.redeemOffer(ctx) })
	} else {
		err = s.logIn(ctx)
	}
	if err != nil {
		return err
	}
	s.asked, err = s.named()
	return err
}

// logIn makes the login of a person that asks for the credential: by scope
// where its configuration has one, else by authorization_details.
func (s *session) logIn(ctx context.Context) error {
	request := oidc.Request{Bound: s.want.DPoP, Extra: url.Values{}}
	if s.wanted.Scope != "" {
		request.Scopes = append(slices.Clone(s.client.Scopes), s.wanted.Scope)
	} else {
		asked := detail{Type: credentialType, Configuration: s.want.ConfigurationID}
		if len(s.issuer.Servers) > 0 {
			asked.Locations = []string{s.want.Issuer}
		}
		text, err := json.Marshal([]detail{asked})
		if err != nil {
			return exchange.Ownf(verdict.Internal, err, "the probe cannot write authorization_details: %v", err)
		}
		request.Extra.Set("authorization_details", string(text))
	}
	var grant codeGrant
	if offered, err := s.offer.grantOf("authorization_code", &grant); err != nil {
		return err
	} else if offered && grant.IssuerState != "" {
		request.Extra.Set("issuer_state", grant.IssuerState)
	}
	return s.LogIn(ctx, request)
}

// redeemOffer redeems the pre-authorized code of the offer (OpenID4VCI 1.0,
// 6.1).
func (s *session) redeemOffer(ctx context.Context) error {
	values, err := s.preAuthorized()
	if err != nil {
		return err
	}
	return s.Token(ctx, values)
}

// preAuthorized is the token request for the offer in hand.
func (s *session) preAuthorized() (url.Values, error) {
	var grant preAuthorizedGrant
	offered, err := s.offer.grantOf(preAuthorized, &grant)
	if err != nil {
		return nil, err
	}
	if !offered || grant.Code == "" {
		return nil, exchange.Brokenf(verdict.Content, "the offer has no pre-authorized code")
	}
	values := url.Values{"grant_type": {preAuthorized}, "pre-authorized_code": {grant.Code}}
	switch {
	case grant.TxCode == nil:
	case s.txCode == "":
		return nil, exchange.Brokenf(verdict.OwnConfig, "the offer needs a transaction code, and the answer that brought the offer had no tx_code")
	default:
		values.Set("tx_code", s.txCode)
	}
	return values, nil
}

// named decides how the credential is named: identifiers that the token
// response gave must be used (OpenID4VCI 1.0, 8.2).
func (s *session) named() (asked, error) {
	if len(s.Tokens.Details) == 0 {
		return asked{configuration: s.want.ConfigurationID}, nil
	}
	var details []detail
	if err := json.Unmarshal(s.Tokens.Details, &details); err != nil {
		return asked{}, exchange.Brokenf(verdict.Content, "authorization_details of the token response cannot be read: %v", err)
	}
	for _, granted := range details {
		if granted.Type != credentialType || granted.Configuration != s.want.ConfigurationID {
			continue
		}
		if len(granted.Identifiers) > 0 {
			return asked{identifier: granted.Identifiers[0]}, nil
		}
	}
	if s.wanted.Scope == "" {
		return asked{}, exchange.Brokenf(verdict.Content, "the token response has no credential_identifiers for %s (OpenID4VCI 1.0, 6.2)", s.want.ConfigurationID)
	}
	return asked{configuration: s.want.ConfigurationID}, nil
}
