package authorize

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"slices"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/transaction"
)

// maxDetails bounds how many credentials one request asks for.
const maxDetails = 16

// detail is an authorization detail of the type openid_credential (OpenID4VCI
// 1.0, 5.1.1). Its claims only narrow what a wallet may show; the whole
// credential is issued all the same.
type detail struct {
	Type          string          `json:"type"`
	Configuration string          `json:"credential_configuration_id"`
	Locations     []string        `json:"locations"`
	Claims        json.RawMessage `json:"claims"`
}

// readDetails reads authorization_details. Every detail has to be understood in
// full, or the request is refused (RFC 9396, 5).
func readDetails(t *transaction.Transaction, values url.Values, _ *clients.Client, rules Rules) error {
	text := values.Get("authorization_details")
	if text == "" {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.DisallowUnknownFields()
	var details []detail
	err := decoder.Decode(&details)
	if _, rest := decoder.Token(); err != nil || !errors.Is(rest, io.EOF) {
		return refuseDetails("is not an array of details with known members")
	}
	if len(details) == 0 || len(details) > maxDetails {
		return refuseDetails("must have 1 to %d details", maxDetails)
	}
	for _, d := range details {
		switch {
		case d.Type != "openid_credential":
			return refuseDetails("has a type other than openid_credential")
		case rules.Credentials == nil || !rules.Credentials.Known(d.Configuration):
			return refuseDetails("names an unknown credential_configuration_id")
		case len(d.Locations) > 0 && !slices.Contains(d.Locations, rules.Issuer):
			// OpenID4VCI 1.0, 5.1.1: the credential issuer identifier.
			return refuseDetails("has locations other than %s", rules.Issuer)
		case d.Claims != nil && d.Claims[0] != '[':
			return refuseDetails("has claims that are not an array")
		}
		if !slices.Contains(t.Configurations, d.Configuration) {
			t.Configurations = append(t.Configurations, d.Configuration)
		}
	}
	return nil
}

func refuseDetails(format string, args ...any) error {
	return oautherr.New(oautherr.InvalidAuthorizationDetails, "authorization_details "+format, args...)
}
