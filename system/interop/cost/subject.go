package cost

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/interop/browser"
)

// description is a Subject as a JSON file tells it.
type description struct {
	Name         string           `json:"name"`
	Issuer       string           `json:"issuer"`
	Authority    string           `json:"authority"` // PEM file, "" on plain HTTP
	ClientID     string           `json:"client_id"`
	ClientKey    *jose.JSONWebKey `json:"client_jwk"`
	RedirectURI  string           `json:"redirect_uri"`
	Scope        string           `json:"scope"`
	ServiceScope string           `json:"service_scope"`
	// Persons are Count people with one PIN and individual IDs from First on.
	Persons struct {
		First int64  `json:"first"`
		Count int64  `json:"count"`
		PIN   string `json:"pin"`
	} `json:"persons"`
	Components []struct {
		Name  string `json:"name"`
		PIDs  []int  `json:"pids"`
		Apart bool   `json:"apart"`
	} `json:"components"`
}

// Read returns the subject that a JSON file describes.
func Read(file string) (*Subject, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read subject: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var told description
	if err := decoder.Decode(&told); err != nil {
		return nil, fmt.Errorf("read subject %s: %w", file, err)
	}
	subject, err := told.subject()
	if err != nil {
		return nil, fmt.Errorf("read subject %s: %w", file, err)
	}
	return subject, nil
}

func (d *description) subject() (*Subject, error) {
	if d.ClientKey == nil {
		return nil, fmt.Errorf("client_jwk is missing")
	}
	key, isECDSA := d.ClientKey.Key.(*ecdsa.PrivateKey)
	if !isECDSA {
		return nil, fmt.Errorf("client_jwk is %T, want a private P-256 key", d.ClientKey.Key)
	}
	s := &Subject{
		Name: d.Name, Issuer: d.Issuer, ClientID: d.ClientID, Key: key, KeyID: d.ClientKey.KeyID,
		RedirectURI: d.RedirectURI, Scope: d.Scope, ServiceScope: d.ServiceScope,
	}
	if d.Authority != "" {
		text, err := os.ReadFile(d.Authority)
		if err != nil {
			return nil, fmt.Errorf("read authority: %w", err)
		}
		s.Trust = &tls.Config{RootCAs: x509.NewCertPool()}
		if !s.Trust.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("authority %s holds no certificate", d.Authority)
		}
	}
	for _, component := range d.Components {
		s.Components = append(s.Components, Component(component))
	}
	var used atomic.Int64
	s.Person = func() browser.Person {
		n := (used.Add(1) - 1) % max(d.Persons.Count, 1)
		return browser.Person{ID: strconv.FormatInt(d.Persons.First+n, 10), PIN: d.Persons.PIN}
	}
	return s, nil
}
