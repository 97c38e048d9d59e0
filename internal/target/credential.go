package target

import (
	"encoding/json"
	"strings"
	"time"
)

// Credential says which credential of an OpenID4VCI 1.0 issuer is asked for,
// and how. Without a configuration there are no credential journeys.
type Credential struct {
	// Issuer is the credential issuer identifier. Default the issuer of the
	// target.
	Issuer          string `yaml:"issuer"`
	ConfigurationID string `yaml:"configuration_id"`
	Format          string `yaml:"format"`
	Grant           string `yaml:"grant"`
	// DPoP binds access tokens to a key; some issuers demand it.
	DPoP bool `yaml:"dpop"`
	// RootsFile holds the PEM certificates that the certificates of the issuer
	// must end in. Without it, the issuer has to publish its keys.
	RootsFile string `yaml:"roots_file"`
	Offer     Offer  `yaml:"offer"`
	// NonceLife is the longest time that the issuer promises to take a nonce,
	// and SingleUseNonce that it takes each once. OpenID4VCI leaves both to the
	// issuer (13.8), so without the promise neither is checked.
	NonceLife      time.Duration `yaml:"nonce_life"`
	SingleUseNonce bool          `yaml:"single_use_nonce"`
}

// Offer says where credential offers come from: from a file with a link that
// can be used again and again, or from an endpoint that makes a new one each
// time. Without either there is no offer.
type Offer struct {
	LinkFile string `yaml:"link_file"`
	// URL is asked by POST with Body, which is JSON. Scope is what the access
	// token needs for it; without a scope none is sent. As says whose token it
	// is: that of the client itself, or of the person, who then logs in.
	URL   string `yaml:"url"`
	Scope string `yaml:"scope"`
	As    string `yaml:"as"`
	Body  string `yaml:"body"`
}

// The formats of credentials (OpenID4VCI 1.0, annex A).
const (
	FormatSDJWT = "dc+sd-jwt"
	FormatJWTVC = "jwt_vc_json"
	FormatMDoc  = "mso_mdoc"
)

// The ways to be allowed a credential (OpenID4VCI 1.0, section 3.3).
const (
	GrantAuthorizationCode = "authorization_code"
	GrantPreAuthorizedCode = "pre-authorized_code"
)

// Whose access token asks for an offer.
const (
	OfferAsService = "service"
	OfferAsPerson  = "person"
)

// Configured reports whether there is a credential to ask for.
func (c Credential) Configured() bool { return c.ConfigurationID != "" }

// Configured reports whether there is a way to get an offer.
func (o Offer) Configured() bool { return o.LinkFile != "" || o.URL != "" }

func (c *Credential) defaults(issuer string) {
	if c.Issuer == "" {
		c.Issuer = issuer
	}
	if c.Format == "" {
		c.Format = FormatSDJWT
	}
	if c.Grant == "" {
		c.Grant = GrantAuthorizationCode
	}
	if c.Offer.As == "" {
		c.Offer.As = OfferAsService
	}
}

func (c *checker) credential(credential Credential) {
	if !c.document.Has("credential") {
		return
	}
	c.required("credential.configuration_id", credential.ConfigurationID)
	c.url("credential.issuer", credential.Issuer, true)
	c.choice("credential.format", credential.Format, FormatSDJWT, FormatJWTVC, FormatMDoc)
	c.choice("credential.grant", credential.Grant, GrantAuthorizationCode, GrantPreAuthorizedCode)
	c.file("credential.roots_file", credential.RootsFile, false)
	if credential.NonceLife < 0 {
		c.report("credential.nonce_life", "must not be negative", "")
	}
	c.offer(credential)
}

func (c *checker) offer(credential Credential) {
	offer := credential.Offer
	c.file("credential.offer.link_file", offer.LinkFile, false)
	c.url("credential.offer.url", offer.URL, false)
	c.choice("credential.offer.as", offer.As, OfferAsService, OfferAsPerson)
	switch {
	case offer.LinkFile != "" && offer.URL != "":
		c.report("credential.offer.link_file", "stands beside url, and there can be one offer only", "take one of the two out")
	case !offer.Configured() && credential.Grant == GrantPreAuthorizedCode:
		c.report("credential.offer", "is missing: the pre-authorized code comes in an offer", "write url: or link_file:")
	case offer.URL == "" && offer.Body != "":
		c.report("credential.offer.body", "is not used without url", "")
	}
	if body := strings.TrimSpace(offer.Body); body != "" && !json.Valid([]byte(body)) {
		c.report("credential.offer.body", "is not JSON", `write it in single quotes, like '{"credential_configuration_ids": ["id"]}'`)
	}
}
