package oidc

import (
	"fmt"
	"strings"

	"tocsin/internal/target"
	"tocsin/probes/form"
	"tocsin/probes/login"
	"tocsin/probes/login/browser"
	"tocsin/probes/login/esignet"
	"tocsin/probes/login/pages"
	"tocsin/probes/otp"
)

// driver is the way to log in that the target file names.
func driver(t *target.Target) (Driver, error) {
	codes, err := otp.New(t.Login.OTP)
	if err != nil {
		return nil, fmt.Errorf("configure one-time codes: %w", err)
	}
	person := login.Person{
		ID: t.Accounts.Probe.IndividualID, SecretFile: t.Accounts.Probe.SecretFile,
		Method: form.Method(t.Login.Method), Codes: codes,
	}
	switch t.Login.Driver {
	case target.DriverForm:
		fields := t.Login.Fields
		return pages.New(pages.Config{
			Person: person, Fields: form.Fields{ID: fields.IndividualID, Secret: fields.Secret, Code: fields.Code},
		}), nil
	case target.DriverBrowser:
		fields := t.Login.Fields
		return browser.New(browser.Config{
			Person: person, Fields: browser.Selectors{ID: fields.IndividualID, Secret: fields.Secret, Code: fields.Code, Submit: fields.Submit},
		}), nil
	case target.DriverESignet:
		return esignet.New(esignet.Config{
			Person: person, URL: strings.TrimSuffix(t.Login.URL, "/"), Channels: t.Login.OTP.Channels,
		}), nil
	}
	return nil, fmt.Errorf("login driver %q is not known", t.Login.Driver)
}
