// Package configuration describes the credentials that the issuer issues: their
// formats, types, claims and names in every language, and what a wallet has to
// prove. Metadata, consent pages, offers and the credential endpoint all read
// it here.
package configuration

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Format is a credential format identifier (OpenID4VCI 1.0, annex A).
type Format string

// The formats.
const (
	SDJWT Format = "dc+sd-jwt"   // annex A.3
	JWTVC Format = "jwt_vc_json" // annex A.1.1
	MDoc  Format = "mso_mdoc"    // annex A.2
)

// Configuration is one credential that wallets can ask for.
type Configuration struct {
	ID     string
	Format Format
	Scope  string
	// Type is the vct, the doctype, or the W3C type beside VerifiableCredential.
	Type string
	// Namespace holds the elements of an mdoc.
	Namespace string
	// Names by language tag.
	Names  map[string]string
	Claims []Claim
	// Life of a credential from its issuing.
	Life time.Duration
	// Defer is how long wallets wait for a credential, 0 for no time: it stands
	// for a review that takes as long.
	Defer time.Duration
	// Attested, when set, requires a key attestation (annex D).
	Attested *Attestation
}

// Attestation says what a key attestation has to assert; empty lists ask for
// nothing in particular.
type Attestation struct {
	KeyStorage         []string
	UserAuthentication []string
}

// Claim is one claim of a credential.
type Claim struct {
	// Source is what the authenticator calls it, Name what the credential does.
	Source, Name string
	Mandatory    bool
	// Encoding changes the value for the credential.
	Encoding Encoding
	// Names by language tag.
	Names map[string]string
}

// Encoding says how the value that the authenticator gives is written.
type Encoding int

// The encodings.
const (
	AsIs    Encoding = iota
	Date             // a full-date: RFC 8943 in an mdoc
	Picture          // base64 JPEG: a data URI, bytes in an mdoc
)

// Path is the claims path pointer (OpenID4VCI 1.0, annex C).
func (c *Configuration) Path(claim Claim) []string {
	switch c.Format {
	case MDoc:
		return []string{c.Namespace, claim.Name}
	case JWTVC:
		return []string{"vc", "credentialSubject", claim.Name}
	default:
		return []string{claim.Name}
	}
}

// Sources returns the claims to ask the authenticator for.
func (c *Configuration) Sources() []string {
	names := make([]string, len(c.Claims))
	for i, claim := range c.Claims {
		names[i] = claim.Source
	}
	return names
}

// Set is all configurations of an issuer.
type Set struct {
	// Issuer is the credential issuer identifier, and Names how pages and
	// wallets call it, by language tag.
	Issuer string
	Names  map[string]string
	// BatchSize is how many credentials one request may ask for.
	BatchSize int
	ordered   []*Configuration
	byID      map[string]*Configuration
}

// NewSet returns a set, or what is wrong with it.
func NewSet(issuer string, names map[string]string, batchSize int, configurations ...*Configuration) (*Set, error) {
	set := &Set{Issuer: issuer, Names: names, BatchSize: batchSize, byID: map[string]*Configuration{}}
	if batchSize < 2 { // OpenID4VCI 1.0, 12.2.4
		return nil, fmt.Errorf("batch size %d is less than 2", batchSize)
	}
	for _, c := range configurations {
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("credential configuration %q: %w", c.ID, err)
		}
		if _, twice := set.byID[c.ID]; twice {
			return nil, fmt.Errorf("credential configuration %q is there twice", c.ID)
		}
		set.byID[c.ID] = c
		set.ordered = append(set.ordered, c)
	}
	if len(set.ordered) == 0 {
		return nil, errors.New("there is no credential configuration")
	}
	return set, nil
}

func (c *Configuration) check() error {
	switch {
	case c.ID == "" || c.Scope == "" || c.Type == "" || len(c.Claims) == 0:
		return errors.New("id, scope, type and claims are all needed")
	case c.Life <= 0 || c.Defer < 0:
		return errors.New("life must be positive, and defer not negative")
	case c.Format == MDoc && c.Namespace == "":
		return errors.New("an mdoc needs a namespace")
	case c.Format != MDoc && c.Format != SDJWT && c.Format != JWTVC:
		return fmt.Errorf("format %q is not supported", c.Format)
	}
	return nil
}

// Get returns the configuration with an id.
func (s *Set) Get(id string) (*Configuration, bool) {
	c, known := s.byID[id]
	return c, known
}

// All returns the configurations in a fixed order.
func (s *Set) All() []*Configuration { return s.ordered }

// Scopes returns the scopes that ask for credentials.
func (s *Set) Scopes() []string {
	var scopes []string
	for _, c := range s.ordered {
		if !slices.Contains(scopes, c.Scope) {
			scopes = append(scopes, c.Scope)
		}
	}
	return scopes
}

// IDs returns the ids of the configurations that scopes ask for; scopes of
// other things are ignored (OpenID4VCI 1.0, 5.1.2).
func (s *Set) IDs(scopes []string) []string {
	var ids []string
	for _, c := range s.ordered {
		if slices.Contains(scopes, c.Scope) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// Name returns the name of a configuration for the first of languages that has one.
func (s *Set) Name(id string, languages ...string) string {
	c, known := s.byID[id]
	if !known {
		return id
	}
	for _, language := range append(languages, "en") {
		if name := c.Names[language]; name != "" {
			return name
		}
	}
	return id
}
