package esignet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/text/language"

	"tocsin/system/identity/claim"
	"tocsin/system/identity/clientadmin"
	"tocsin/system/identity/clients"
)

// Scopes of the tokens that may manage clients.
const (
	AddClientScope    = "add_oidc_client"
	UpdateClientScope = "update_oidc_client"
)

// registration is a client as eSignet's callers describe it. Only a new one has
// an id and a key.
type registration struct {
	ID             string            `json:"clientId"`
	Name           string            `json:"clientName"`
	NameByLanguage map[string]string `json:"clientNameLangMap"`
	PublicKey      json.RawMessage   `json:"publicKey"`
	RelyingParty   string            `json:"relyingPartyId"`
	Claims         []string          `json:"userClaims"`
	ACRs           []string          `json:"authContextRefs"`
	LogoURI        string            `json:"logoUri"`
	RedirectURIs   []string          `json:"redirectUris"`
	GrantTypes     []string          `json:"grantTypes"`
	AuthMethods    []string          `json:"clientAuthMethods"`
	Status         string            `json:"status"`
	Additional     json.RawMessage   `json:"additionalConfig"`
}

// additional is additionalConfig. Purpose and the two banners only concern
// eSignet's own pages, and PKCE is required of everybody: they are taken and
// change nothing.
type additional struct {
	UserinfoType  string          `json:"userinfo_response_type"`
	Purpose       json.RawMessage `json:"purpose"`
	SignupBanner  bool            `json:"signup_banner_required"`
	ForgotLink    bool            `json:"forgot_pwd_link_required"`
	ConsentLife   int             `json:"consent_expire_in_mins"`
	RequirePAR    bool            `json:"require_pushed_authorization_requests"`
	RequireDPoP   bool            `json:"dpop_bound_access_tokens"`
	RequirePKCE   bool            `json:"require_pkce"`
	IDTokenFormat string          `json:"id_token_response_type"`
}

func (s *Surface) createClient(w http.ResponseWriter, r *http.Request) {
	if !s.allowed(w, r, AddClientScope) {
		return
	}
	response, err := s.create(w, r)
	s.answer(w, r, response, err)
}

func (s *Surface) updateClient(w http.ResponseWriter, r *http.Request) {
	if !s.allowed(w, r, UpdateClientScope) {
		return
	}
	response, err := s.update(w, r)
	s.answer(w, r, response, err)
}

func (s *Surface) create(w http.ResponseWriter, r *http.Request) (any, error) {
	var in registration
	if err := s.read(w, r, &in); err != nil {
		return nil, err
	}
	if in.RelyingParty == "" {
		return nil, refuse(invalidRPID, "relyingPartyId is missing")
	}
	key, err := clientadmin.Key(in.PublicKey)
	if err != nil {
		return nil, refuse(invalidPublicKey, "publicKey is not a public key as JWK")
	}
	made := &clients.Client{
		ID: in.ID, Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}}, RelyingParty: in.RelyingParty,
		// eSignet's subjects are the same for all clients of a relying party.
		SubjectType: clients.SubjectPairwise, Sector: in.RelyingParty,
	}
	apply, err := in.changes()
	if err != nil {
		return nil, err
	}
	apply(made)
	if err := s.config.Registrations.Create(r.Context(), made); err != nil {
		return nil, err
	}
	return registered(made), nil
}

func (s *Surface) update(w http.ResponseWriter, r *http.Request) (any, error) {
	var in registration
	if err := s.read(w, r, &in); err != nil {
		return nil, err
	}
	if in.Status != active && in.Status != inactive {
		return nil, refuse(invalidStatus, "status must be %s or %s", active, inactive)
	}
	apply, err := in.changes()
	if err != nil {
		return nil, err
	}
	changed, err := s.config.Registrations.Update(r.Context(), r.PathValue("client_id"), apply)
	if err != nil {
		return nil, err
	}
	return registered(changed), nil
}

// The statuses of a client.
const (
	active   = "ACTIVE"
	inactive = "INACTIVE"
)

// registered is the answer to both.
func registered(c *clients.Client) any {
	status := active
	if c.Inactive {
		status = inactive
	}
	return struct {
		ClientID string `json:"clientId"`
		Status   string `json:"status"`
	}{c.ID, status}
}

// changes returns what the registration makes of a client.
func (in *registration) changes() (func(*clients.Client), error) {
	more, err := in.additional()
	if err != nil {
		return nil, err
	}
	byLanguage, err := languages(in.NameByLanguage)
	if err != nil {
		return nil, err
	}
	if len(in.AuthMethods) != 1 || in.AuthMethods[0] != clients.PrivateKeyJWT {
		return nil, refuse(invalidClientAuth, "clientAuthMethods must be private_key_jwt")
	}
	if len(in.ACRs) == 0 {
		return nil, refuse(invalidACR, "authContextRefs must name at least one")
	}
	if in.LogoURI == "" {
		return nil, refuse(invalidURI, "logoUri is missing")
	}
	return func(c *clients.Client) {
		c.Name, c.NameByLanguage, c.LogoURI, c.RedirectURIs = in.Name, byLanguage, in.LogoURI, in.RedirectURIs
		c.GrantTypes, c.AuthMethod, c.Claims, c.ACRs = in.GrantTypes, in.AuthMethods[0], in.Claims, in.ACRs
		c.Scopes = scopes(c.Scopes, in.Claims, in.GrantTypes)
		c.UserinfoAlg = c.IDTokenAlgorithm() // eSignet always signs it
		c.ConsentLife, c.RequirePAR, c.RequireDPoP = more.ConsentLife, more.RequirePAR, more.RequireDPoP
		c.Inactive = in.Status == inactive
	}, nil
}

func (in *registration) additional() (*additional, error) {
	more := &additional{}
	if present(in.Additional) == "" {
		return more, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(in.Additional))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(more); err != nil {
		return nil, refuse(invalidAdditional, "additionalConfig has a member that is not known, or of another type")
	}
	if !known(more.UserinfoType, "JWS") || !known(more.IDTokenFormat, "JWS") {
		return nil, refuse(invalidAdditional, "only JWS is supported as response type")
	}
	return more, nil
}

// languages turns eSignet's codes of three letters into tags (RFC 5646, 2.2.1).
func languages(names map[string]string) (map[string]string, error) {
	byTag := make(map[string]string, len(names))
	for code, name := range names {
		base, err := language.ParseBase(code)
		if err != nil {
			return nil, refuse(invalidLanguage, "clientNameLangMap has %.20q, which is no language", code)
		}
		byTag[base.String()] = name
	}
	return byTag, nil
}

// scopes returns those that give the claims. eSignet's registrations have none;
// rights that the client was given otherwise stay.
func scopes(before, claims, grantTypes []string) []string {
	given := []string{"openid"}
	for _, scope := range claim.Scopes() {
		if slices.ContainsFunc(claim.Of(scope), func(name string) bool { return slices.Contains(claims, name) }) {
			given = append(given, scope)
		}
	}
	if slices.Contains(grantTypes, "refresh_token") {
		given = append(given, "offline_access")
	}
	for _, scope := range before {
		if isResource(scope) && scope != "offline_access" && !slices.Contains(given, scope) {
			given = append(given, scope)
		}
	}
	return given
}

// registrationVerdict gives each problem its code.
func registrationVerdict(invalid *clientadmin.InvalidError) *verdict {
	found := &verdict{}
	for _, problem := range invalid.Problems {
		found.reasons = append(found.reasons, reason{fieldCode(problem.Field), fmt.Sprintf("%s %s", problem.Field, problem.Reason)})
	}
	return found
}

func fieldCode(field clientadmin.Field) errorCode {
	switch field {
	case clientadmin.ID:
		return invalidClientID
	case clientadmin.Name:
		return invalidClientName
	case clientadmin.Language:
		return invalidLanguage
	case clientadmin.LogoURI:
		return invalidURI
	case clientadmin.RedirectURIs:
		return invalidRedirectURI
	case clientadmin.Keys:
		return invalidPublicKey
	case clientadmin.GrantTypes:
		return unsupportedGrantType
	case clientadmin.AuthMethod:
		return invalidClientAuth
	case clientadmin.Claims:
		return invalidClaim
	case clientadmin.ACRs:
		return invalidACR
	case clientadmin.RelyingParty:
		return invalidRPID
	case clientadmin.Consent:
		return invalidAdditional
	case clientadmin.Algorithms:
		return invalidAlgorithm
	}
	return invalidInput
}
