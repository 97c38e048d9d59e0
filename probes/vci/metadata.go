package vci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// issuerMetadata is the part of credential issuer metadata that a wallet needs
// (OpenID4VCI 1.0, 12.2.4).
type issuerMetadata struct {
	Issuer             string   `json:"credential_issuer"`
	Servers            []string `json:"authorization_servers"`
	Credential         string   `json:"credential_endpoint"`
	Nonce              string   `json:"nonce_endpoint"`
	Deferred           string   `json:"deferred_credential_endpoint"`
	Notification       string   `json:"notification_endpoint"`
	ResponseEncryption struct {
		Required bool `json:"encryption_required"`
	} `json:"credential_response_encryption"`
	Configurations map[string]configuration `json:"credential_configurations_supported"`
}

// configuration is one credential that an issuer issues.
type configuration struct {
	Format     string `json:"format"`
	Scope      string `json:"scope"`
	VCT        string `json:"vct"`
	Doctype    string `json:"doctype"`
	Definition struct {
		Type []string `json:"type"`
	} `json:"credential_definition"`
	Proofs map[string]struct {
		Algorithms []string        `json:"proof_signing_alg_values_supported"`
		Attested   json.RawMessage `json:"key_attestations_required"`
	} `json:"proof_types_supported"`
	Metadata struct {
		Claims []struct {
			Path      []any `json:"path"`
			Mandatory bool  `json:"mandatory"`
		} `json:"claims"`
	} `json:"credential_metadata"`
}

const (
	issuerWellKnown = "openid-credential-issuer"
	keysWellKnown   = "jwt-vc-issuer"
	signedMetadata  = "openidvci-issuer-metadata+jwt" // OpenID4VCI 1.0, 12.2.3
)

// wellKnown puts a name between host and path of an identifier (OpenID4VCI 1.0,
// 12.2.2; RFC 8615, section 3).
func wellKnown(identifier, name string) (string, error) {
	parsed, err := url.Parse(identifier)
	if err != nil || parsed.Host == "" {
		return "", fmt.Errorf("%.80q is no identifier of an issuer", identifier)
	}
	path := strings.TrimSuffix(parsed.Path, "/")
	return (&url.URL{Scheme: parsed.Scheme, Host: parsed.Host, Path: "/.well-known/" + name + path}).String(), nil
}

// readMetadata reads the metadata of the issuer, and where it is signed
// verifies it.
func (s *session) readMetadata(ctx context.Context) error {
	address, err := wellKnown(s.want.Issuer, issuerWellKnown)
	if err != nil {
		return exchange.Ownf(verdict.OwnConfig, err, "credential.issuer: %v", err)
	}
	reply, err := s.Get(ctx, address, "application/json")
	if err != nil {
		return err
	}
	if reply.Status != http.StatusOK {
		return exchange.Unexpected(reply, "")
	}
	if err := s.readJSON(reply, "the credential issuer metadata", &s.issuer); err != nil {
		return err
	}
	if err := s.issuer.check(s.want.Issuer, s.want); err != nil {
		return exchange.Brokenf(verdict.Content, "credential issuer metadata: %v", err)
	}
	s.wanted = s.issuer.Configurations[s.want.ConfigurationID]
	if err := s.usable(); err != nil {
		return err
	}
	return s.readSigned(ctx, address)
}

// check finds what is wrong with the metadata.
func (m *issuerMetadata) check(issuer string, want target.Credential) error {
	if m.Issuer != issuer {
		return fmt.Errorf("credential_issuer is %.120q, expected %q: it must not be used (OpenID4VCI 1.0, 12.2.4)", m.Issuer, issuer)
	}
	for name, address := range map[string]string{
		"credential_endpoint": m.Credential, "nonce_endpoint": m.Nonce,
		"deferred_credential_endpoint": m.Deferred, "notification_endpoint": m.Notification,
	} {
		parsed, err := url.Parse(address)
		switch {
		case address == "" && name != "credential_endpoint":
		case address == "":
			return errors.New("there is no credential_endpoint")
		case err != nil || parsed.Host == "" || parsed.Scheme != "https" && !strings.HasPrefix(issuer, "http://"):
			return fmt.Errorf("%s is %.120q, no address with https", name, address)
		}
	}
	known, there := m.Configurations[want.ConfigurationID]
	if !there {
		return fmt.Errorf("there is no configuration %s", want.ConfigurationID)
	}
	return known.check(want)
}

func (c configuration) check(want target.Credential) error {
	if c.Format != want.Format {
		return fmt.Errorf("the format of %s is %.40q, expected %s", want.ConfigurationID, c.Format, want.Format)
	}
	missing := map[string]bool{
		target.FormatSDJWT: c.VCT == "", target.FormatMDoc: c.Doctype == "", target.FormatJWTVC: len(c.Definition.Type) == 0,
	}
	if missing[c.Format] {
		return fmt.Errorf("%s does not say what type it is", want.ConfigurationID)
	}
	for name, proof := range c.Proofs {
		if len(proof.Algorithms) == 0 {
			return fmt.Errorf("proof type %.40s of %s has no algorithms", name, want.ConfigurationID)
		}
	}
	return nil
}

// usable ends the run where this wallet cannot do what the issuer demands. That
// is no fault of the issuer.
func (s *session) usable() error {
	proof, offered := s.wanted.Proofs["jwt"]
	switch {
	case s.issuer.ResponseEncryption.Required:
		return exchange.Brokenf(verdict.NoData, "the issuer answers encrypted only, which this probe does not ask for")
	case len(s.wanted.Proofs) > 0 && !offered:
		return exchange.Brokenf(verdict.NoData, "%s needs a proof of a type that this probe does not make", s.want.ConfigurationID)
	case offered && len(proof.Attested) > 0 && string(proof.Attested) != "null":
		return exchange.Brokenf(verdict.NoData, "%s needs a key attestation, which this probe does not have", s.want.ConfigurationID)
	case offered && !slices.Contains(proof.Algorithms, "ES256"):
		return exchange.Brokenf(verdict.NoData, "%s needs proofs signed with %s; this probe signs with ES256", s.want.ConfigurationID, shorten(strings.Join(proof.Algorithms, ", ")))
	case len(s.issuer.Servers) > 0 && !slices.Contains(s.issuer.Servers, s.Provider.Issuer):
		return exchange.Brokenf(verdict.OwnConfig, "the issuer takes tokens of %s, and the target file logs in at %s", shorten(strings.Join(s.issuer.Servers, ", ")), s.Provider.Issuer)
	}
	return nil
}

// readSigned verifies signed metadata, which issuers may offer (OpenID4VCI 1.0,
// 12.2.3).
func (s *session) readSigned(ctx context.Context, address string) error {
	reply, err := s.Get(ctx, address, "application/jwt")
	if err != nil {
		return err
	}
	if reply.Status != http.StatusOK || !isMedia(reply, "application/jwt") {
		return nil // not offered
	}
	payload, err := s.verifyJWT(ctx, "the signed issuer metadata", string(reply.Body), signedMetadata, s.want.Issuer)
	if err != nil {
		return err
	}
	var signed struct {
		issuerMetadata
		times
		Subject string `json:"sub"`
	}
	if err := json.Unmarshal(payload, &signed); err != nil {
		return exchange.Brokenf(verdict.Content, "the signed issuer metadata cannot be read: %v", err)
	}
	if signed.Subject != s.want.Issuer {
		return exchange.Brokenf(verdict.Claims, "the signed issuer metadata is about %q, expected %q", shorten(signed.Subject), s.want.Issuer)
	}
	if signed.IssuedAt == nil {
		return exchange.Brokenf(verdict.Claims, "the signed issuer metadata has no iat")
	}
	if err := s.checkTimes("the signed issuer metadata", signed.times); err != nil {
		return err
	}
	if signed.Credential != s.issuer.Credential || signed.Nonce != s.issuer.Nonce {
		return exchange.Brokenf(verdict.Disagreement, "the signed issuer metadata names other endpoints than the plain one")
	}
	return nil
}
