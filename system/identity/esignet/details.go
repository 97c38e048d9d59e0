package esignet

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"tocsin/system/authenticator"
	"tocsin/system/identity/authorize"
	"tocsin/system/identity/claim"
	"tocsin/system/identity/clients"
	"tocsin/system/identity/login"
	"tocsin/system/identity/transaction"
)

// detailsRequest is an authorization request as JSON.
type detailsRequest struct {
	ClientID            string          `json:"clientId"`
	Scope               string          `json:"scope"`
	ResponseType        string          `json:"responseType"`
	RedirectURI         string          `json:"redirectUri"`
	Display             string          `json:"display"`
	Prompt              string          `json:"prompt"`
	Nonce               string          `json:"nonce"`
	State               string          `json:"state"`
	ACRValues           string          `json:"acrValues"`
	MaxAge              json.RawMessage `json:"maxAge"` // a number, or one in quotes
	Claims              json.RawMessage `json:"claims"`
	UILocales           string          `json:"uiLocales"`
	ClaimsLocales       string          `json:"claimsLocales"`
	DPoPThumbprint      string          `json:"dpopJkt"`
	Request             string          `json:"request"`
	CodeChallenge       string          `json:"codeChallenge"`
	CodeChallengeMethod string          `json:"codeChallengeMethod"`
	IDTokenHint         string          `json:"idTokenHint"`
}

// factor is one way to prove an identity.
type factor struct {
	Type     authenticator.Factor `json:"type"`
	Count    int                  `json:"count"`
	SubTypes []string             `json:"subTypes"`
}

// details tells the page what is asked. Members are in the order that eSignet
// sends them in, because pages hash them.
type details struct {
	TransactionID    string            `json:"transactionId"`
	LogoURL          string            `json:"logoUrl"`
	AuthFactors      [][]factor        `json:"authFactors"`
	AuthorizeScopes  []string          `json:"authorizeScopes"`
	EssentialClaims  []string          `json:"essentialClaims"`
	VoluntaryClaims  []string          `json:"voluntaryClaims"`
	Configs          map[string]any    `json:"configs"`
	RedirectURI      string            `json:"redirectUri"`
	ClientName       map[string]string `json:"clientName"`
	CredentialScopes []string          `json:"credentialScopes"`
}

func (s *Surface) oauthDetails(w http.ResponseWriter, r *http.Request) (any, error) {
	var in detailsRequest
	if err := s.read(w, r, &in); err != nil {
		return nil, err
	}
	client, err := s.client(r.Context(), in.ClientID)
	if err != nil {
		return nil, err
	}
	if err := in.check(client); err != nil {
		return nil, err
	}
	return s.begin(r.Context(), in.values(), client)
}

func (s *Surface) pushedDetails(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		ClientID   string `json:"clientId"`
		RequestURI string `json:"requestUri"`
	}
	if err := s.read(w, r, &in); err != nil {
		return nil, err
	}
	client, err := s.client(r.Context(), in.ClientID)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(in.RequestURI, authorize.RequestURIPrefix) {
		return nil, refuse(invalidRequest, "requestUri is not one that was given out")
	}
	return s.begin(r.Context(), url.Values{"client_id": {in.ClientID}, "request_uri": {in.RequestURI}}, client)
}

// maxClientID bounds what the store is asked for.
const maxClientID = 256

func (s *Surface) client(ctx context.Context, id string) (*clients.Client, error) {
	if id == "" || len(id) > maxClientID {
		return nil, refuse(invalidClientID, "clientId is missing or not known")
	}
	client, err := s.config.Clients.Client(ctx, id)
	if isUnknown(err) || err == nil && client.Inactive {
		return nil, refuse(invalidClientID, "clientId is not known")
	}
	if err != nil {
		return nil, fmt.Errorf("read client: %w", err)
	}
	return client, nil
}

// check gives what eSignet has a code of its own for; the core checks all.
func (in *detailsRequest) check(client *clients.Client) error {
	for _, rule := range []struct {
		broken  bool
		code    errorCode
		message string
	}{
		{!authorize.Registered(client, in.RedirectURI), invalidRedirectURI, "redirectUri is not registered for this client"},
		{in.Request != "", requestNotSupported, "request objects are not supported"},
		{in.ResponseType != "code", invalidResponseType, "responseType must be code"},
		{in.Scope == "", invalidScope, "scope is missing"},
		{!known(in.Display, "page", "popup", "touch", "wap"), invalidDisplay, "display must be page, popup, touch or wap"},
		{!known(in.Prompt, "none", "login", "consent", "select_account"), invalidPrompt, "prompt is not supported"},
		{in.CodeChallenge == "", usePKCE, "PKCE is required: codeChallenge is missing"},
		{in.CodeChallengeMethod != "S256", unsupportedPKCEMethod, "codeChallengeMethod must be S256"},
		{!isHash(in.CodeChallenge), invalidPKCE, "codeChallenge must be the base64url form of a SHA-256 hash"},
	} {
		if rule.broken {
			return refuse(rule.code, "%s", rule.message)
		}
	}
	return nil
}

// known reports whether each word of text is one of words.
func known(text string, words ...string) bool {
	for word := range strings.FieldsSeq(text) {
		if !slices.Contains(words, word) {
			return false
		}
	}
	return true
}

// isHash reports whether text has the length and the characters of a hash.
func isHash(text string) bool {
	return len(text) == 43 && !strings.ContainsFunc(text, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		return !letter && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// values returns the parameters of the authorization request.
func (in *detailsRequest) values() url.Values {
	values := url.Values{}
	for name, value := range map[string]string{
		"client_id": in.ClientID, "scope": in.Scope, "response_type": in.ResponseType, "redirect_uri": in.RedirectURI,
		"display": in.Display, "prompt": in.Prompt, "nonce": in.Nonce, "state": in.State, "acr_values": in.ACRValues,
		"max_age": strings.Trim(present(in.MaxAge), `"`), "claims": present(in.Claims), "ui_locales": in.UILocales,
		"claims_locales": in.ClaimsLocales, "dpop_jkt": in.DPoPThumbprint, "code_challenge": in.CodeChallenge,
		"code_challenge_method": in.CodeChallengeMethod, "id_token_hint": in.IDTokenHint,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return values
}

// present returns JSON as text, and null as none.
func present(value json.RawMessage) string {
	if string(value) == "null" {
		return ""
	}
	return string(value)
}

// begin starts a transaction and returns its details as they are sent.
func (s *Surface) begin(ctx context.Context, values url.Values, client *clients.Client) ([]byte, error) {
	begun, err := s.config.Requests.Begin(ctx, values, nil)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	view, err := s.config.Steps.View(ctx, begun.Transaction)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	id := rand.Text()
	response, err := encode(s.describe(id, begun.Transaction, view, client))
	if err != nil {
		return nil, err
	}
	return response, s.keep(ctx, id, begun.State, hashOf(response), begun.Transaction)
}

func (s *Surface) describe(id string, t *transaction.Transaction, view *login.View, client *clients.Client) *details {
	d := &details{
		TransactionID: id, LogoURL: view.ClientLogo, AuthFactors: [][]factor{}, AuthorizeScopes: []string{},
		EssentialClaims: []string{}, VoluntaryClaims: []string{}, Configs: s.configs(t), RedirectURI: t.RedirectURI,
		ClientName: names(client), CredentialScopes: []string{},
	}
	for _, offered := range view.Factors {
		if offersHere(offered) {
			d.AuthFactors = append(d.AuthFactors, []factor{{Type: offered}})
		}
	}
	for _, shown := range view.Claims {
		if shown.Essential {
			d.EssentialClaims = append(d.EssentialClaims, shown.Name)
		} else {
			d.VoluntaryClaims = append(d.VoluntaryClaims, shown.Name)
		}
	}
	for _, scope := range t.Scopes {
		switch {
		case s.config.Credentials != nil && len(s.config.Credentials.IDs([]string{scope})) > 0:
			d.CredentialScopes = append(d.CredentialScopes, scope)
		case isResource(scope):
			d.AuthorizeScopes = append(d.AuthorizeScopes, scope)
		}
	}
	return d
}

// offersHere reports whether a factor can be used through this interface: the
// wallet's steps are not part of it.
func offersHere(f authenticator.Factor) bool {
	return f == authenticator.PIN || f == authenticator.OTP
}

// isResource reports whether a scope stands for a right, not for claims.
func isResource(scope string) bool {
	return scope != "openid" && !slices.Contains(claim.Scopes(), scope)
}

// configs are what pages need to know of how people log in.
func (s *Surface) configs(t *transaction.Transaction) map[string]any {
	return map[string]any{
		"auth.txnid.length": "10", "issuer": s.config.Issuer, "otp.length": 6,
		"preauth-screen-timeout-in-secs": int(t.Expires.Sub(t.Started).Seconds()),
		"resend.otp.delay.secs":          60, "send.otp.channels": "email,phone",
	}
}

// names returns the client's name by language, with ISO 639-3 codes as eSignet
// has them.
func names(client *clients.Client) map[string]string {
	named := map[string]string{"@none": client.Name}
	for tag, name := range client.NameByLanguage {
		if parsed, err := language.Parse(tag); err == nil {
			base, _ := parsed.Base()
			named[base.ISO3()] = name
		}
	}
	return named
}
