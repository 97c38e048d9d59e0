package metadata

import (
	"maps"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/vci/configuration"
	"tocsin/system/identity/vci/holder"
	"tocsin/system/identity/vci/jwtvc"
	"tocsin/system/identity/vci/message"
	"tocsin/system/identity/vci/proof"
)

// The endpoints, under the issuer.
const (
	CredentialPath   = "/vci/credential"
	NoncePath        = "/vci/nonce"
	DeferredPath     = "/vci/deferred"
	NotificationPath = "/vci/notification"
)

// document is credential issuer metadata (OpenID4VCI 1.0, 12.2.4).
type document struct {
	Issuer             string                `json:"credential_issuer"`
	Credential         string                `json:"credential_endpoint"`
	Nonce              string                `json:"nonce_endpoint"`
	Deferred           string                `json:"deferred_credential_endpoint"`
	Notification       string                `json:"notification_endpoint"`
	RequestEncryption  requestEncryption     `json:"credential_request_encryption"`
	ResponseEncryption responseEncryption    `json:"credential_response_encryption"`
	Batch              batch                 `json:"batch_credential_issuance"`
	Display            []display             `json:"display,omitempty"`
	Configurations     map[string]*supported `json:"credential_configurations_supported"`
}

type requestEncryption struct {
	Keys         jose.JSONWebKeySet `json:"jwks"`
	Encryptions  []string           `json:"enc_values_supported"`
	Compressions []string           `json:"zip_values_supported"`
	Required     bool               `json:"encryption_required"`
}

type responseEncryption struct {
	Algorithms   []string `json:"alg_values_supported"`
	Encryptions  []string `json:"enc_values_supported"`
	Compressions []string `json:"zip_values_supported"`
	Required     bool     `json:"encryption_required"`
}

type batch struct {
	Size int `json:"batch_size"`
}

type display struct {
	Name   string `json:"name"`
	Locale string `json:"locale"`
}

type supported struct {
	Format     configuration.Format `json:"format"`
	Scope      string               `json:"scope"`
	VCT        string               `json:"vct,omitempty"`
	Doctype    string               `json:"doctype,omitempty"`
	Definition *definition          `json:"credential_definition,omitempty"`
	Algorithms []any                `json:"credential_signing_alg_values_supported"`
	Binding    []string             `json:"cryptographic_binding_methods_supported"`
	Proofs     map[string]proofType `json:"proof_types_supported"`
	Metadata   credentialMetadata   `json:"credential_metadata"`
}

type definition struct {
	Type []string `json:"type"`
}

type proofType struct {
	Algorithms []string     `json:"proof_signing_alg_values_supported"`
	Attested   *attestation `json:"key_attestations_required,omitempty"`
}

type attestation struct {
	KeyStorage         []string `json:"key_storage,omitempty"`
	UserAuthentication []string `json:"user_authentication,omitempty"`
}

type credentialMetadata struct {
	Display []display `json:"display"`
	Claims  []claim   `json:"claims"`
}

type claim struct {
	Path      []string  `json:"path"`
	Mandatory bool      `json:"mandatory,omitempty"`
	Display   []display `json:"display,omitempty"`
}

// build renders the metadata of set in one language, or in all when language
// is empty. Attestations are offered when somebody's are believed.
func build(set *configuration.Set, keys *message.Keys, attestations bool, language string) *document {
	d := &document{
		Issuer: set.Issuer, Credential: set.Issuer + CredentialPath, Nonce: set.Issuer + NoncePath,
		Deferred: set.Issuer + DeferredPath, Notification: set.Issuer + NotificationPath,
		RequestEncryption: requestEncryption{
			Keys: keys.Public(), Encryptions: message.Encryptions(), Compressions: message.Compressions(),
		},
		ResponseEncryption: responseEncryption{
			Algorithms: message.Algorithms(), Encryptions: message.Encryptions(), Compressions: message.Compressions(),
		},
		Batch: batch{Size: set.BatchSize}, Display: displays(set.Names, language),
		Configurations: map[string]*supported{},
	}
	for _, c := range set.All() {
		d.Configurations[c.ID] = describe(c, attestations, language)
	}
	return d
}

func describe(c *configuration.Configuration, attestations bool, language string) *supported {
	described := &supported{
		Format: c.Format, Scope: c.Scope, Proofs: proofTypes(c, attestations),
		Algorithms: []any{"ES256"}, Binding: []string{"jwk", "did:jwk"},
		Metadata: credentialMetadata{Display: displays(c.Names, language)},
	}
	switch c.Format {
	case configuration.SDJWT:
		described.VCT = c.Type
	case configuration.JWTVC:
		described.Definition = &definition{Type: []string{jwtvc.BaseType, c.Type}}
	case configuration.MDoc:
		described.Doctype = c.Type
		described.Algorithms, described.Binding = []any{-7}, []string{"cose_key"} // RFC 9053, 2.1
	}
	for _, one := range c.Claims {
		described.Metadata.Claims = append(described.Metadata.Claims, claim{
			Path: c.Path(one), Mandatory: one.Mandatory, Display: displays(one.Names, language),
		})
	}
	return described
}

func proofTypes(c *configuration.Configuration, attestations bool) map[string]proofType {
	var required *attestation
	if c.Attested != nil {
		required = &attestation{KeyStorage: c.Attested.KeyStorage, UserAuthentication: c.Attested.UserAuthentication}
	}
	types := map[string]proofType{proof.JWT: {Algorithms: holder.Algorithms(), Attested: required}}
	if attestations {
		if required == nil { // it is the proof itself
			required = &attestation{}
		}
		types[proof.Attestation] = proofType{Algorithms: holder.Algorithms(), Attested: required}
	}
	return types
}

// displays returns names in a fixed order, or only that of one language.
func displays(names map[string]string, language string) []display {
	var all []display
	for _, locale := range slices.Sorted(maps.Keys(names)) {
		if language == "" || locale == language {
			all = append(all, display{Name: names[locale], Locale: locale})
		}
	}
	return all
}

// languages returns those that everything is named in.
func languages(set *configuration.Set) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(set.Names)), func(language string) bool {
		return slices.ContainsFunc(set.All(), func(c *configuration.Configuration) bool { return c.Names[language] == "" })
	})
}
