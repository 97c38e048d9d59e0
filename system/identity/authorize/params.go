package authorize

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tocsin/system/authenticator"
	"tocsin/system/identity/claim"
	"tocsin/system/identity/clients"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/transaction"
)

const (
	// maxParams bounds how many parameters a request has.
	maxParams = 64
	// maxParam and maxLong bound the value of one, in bytes; maxLong that of
	// JSON and tokens.
	maxParam, maxLong = 2048, 4096
	// MaxRequestURI bounds a request_uri: it holds what was pushed, and has to
	// fit into the address that a browser is sent to.
	MaxRequestURI = 6144
	// maxHint bounds what a login page is filled with.
	maxHint = 128
	// maxLocales bounds ui_locales, maxTag one of them (RFC 5646, 4.4.1).
	maxLocales, maxTag = 8, 35
	// maxAge bounds max_age, in seconds: 30 years.
	maxAge = 1_000_000_000
)

// Credentials knows what the credential issuer issues.
type Credentials interface {
	// IDs returns the configurations that scopes ask for.
	IDs(scopes []string) []string
	// Requested returns the configurations that authorization_details asks for;
	// an error is a verdict on the text.
	Requested(authorizationDetails string) ([]string, error)
}

// Rules are what requests are checked against besides the client.
type Rules struct {
	Issuer string
	// Credentials may be nil: then there are none.
	Credentials Credentials
}

// isChallenge reports whether text can be an S256 challenge or a thumbprint:
// the base64url form of 32 bytes (RFC 7636, 4.2; RFC 9449, 10).
func isChallenge(text string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && len(raw) == sha256.Size
}

// WellFormed refuses parameters given more than once (RFC 6749, 3.1), too long
// ones, and those with characters that no parameter has: they could mean one
// thing here and another to a store or a log. All of names are looked at, none
// meaning every parameter.
func WellFormed(values url.Values, names ...string) error {
	if len(values) > maxParams {
		return oautherr.New(oautherr.InvalidRequest, "there are more than %d parameters", maxParams)
	}
	for name, all := range values {
		if len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		// Only resource may come again (RFC 8707, 2).
		if len(all) > 1 && name != "resource" {
			return oautherr.New(oautherr.InvalidRequest, "parameter %.40q is given more than once", name)
		}
		limit, json := maxParam, false
		switch name {
		case "claims", "authorization_details":
			limit, json = maxLong, true
		case "id_token_hint", "request":
			limit = maxLong
		case "request_uri":
			limit = MaxRequestURI
		}
		for _, value := range all {
			if len(value) > limit {
				return oautherr.New(oautherr.InvalidRequest, "parameter %.40q is too long", name)
			}
			if !isText(value, json) {
				return oautherr.New(oautherr.InvalidRequest, "parameter %.40q is not text", name)
			}
		}
	}
	return nil
}

// isText reports whether value is UTF-8 without control characters; JSON may
// have its white space.
func isText(value string, json bool) bool {
	for _, c := range []byte(value) {
		if (c < ' ' || c == 0x7f) && (!json || !strings.ContainsRune("\t\r\n", rune(c))) {
			return false
		}
	}
	return utf8.ValidString(value)
}

// Parse checks an authorization request of client, whose redirect URI is known
// to be good, and returns it as a transaction that has not started. Verdicts
// are those of RFC 6749, 4.1.2.1, and OpenID Connect Core, 3.1.2.6.
func Parse(values url.Values, client *clients.Client, rules Rules) (*transaction.Transaction, error) {
	if err := WellFormed(values); err != nil {
		return nil, err
	}
	if err := supported(values, client); err != nil {
		return nil, err
	}
	t := &transaction.Transaction{
		ClientID: client.ID, RedirectURI: values.Get("redirect_uri"),
		State: values.Get("state"), Nonce: values.Get("nonce"), CodeChallenge: values.Get("code_challenge"),
		Locales: locales(values.Get("ui_locales")), DPoPThumbprint: values.Get("dpop_jkt"),
		IssuerState: values.Get("issuer_state"), MaxAge: -1,
	}
	if hint := values.Get("login_hint"); len(hint) <= maxHint {
		t.LoginHint = hint // too long for any id: then it is no help
	}
	for _, read := range []func(*transaction.Transaction, url.Values, *clients.Client, Rules) error{
		readDetails, readScope, readPrompt, readMaxAge, readClaims, readACR, readResource,
	} {
		if err := read(t, values, client, rules); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// supported refuses what this provider does not do at all.
func supported(values url.Values, client *clients.Client) error {
	display := values.Get("display")
	switch {
	case values.Has("request"):
		return oautherr.New(oautherr.RequestNotSupported, "request objects are not supported")
	case values.Has("request_uri"):
		return oautherr.New(oautherr.RequestURINotSupported, "request_uri must be one that the pushed authorization request endpoint gave out")
	case values.Has("registration"):
		return oautherr.New(oautherr.RegistrationNotSupported, "registration is not supported")
	case values.Get("response_type") == "":
		return oautherr.New(oautherr.InvalidRequest, "response_type is missing")
	case values.Get("response_type") != "code":
		return oautherr.New(oautherr.UnsupportedResponseType, "response_type must be code")
	case values.Has("response_mode") && values.Get("response_mode") != "query":
		return oautherr.New(oautherr.InvalidRequest, "response_mode must be query")
	case !client.MayUse("authorization_code") || client.Inactive:
		return oautherr.New(oautherr.UnauthorizedClient, "the client may not use the authorization code grant")
	case values.Get("code_challenge_method") != "S256": // RFC 9700, 2.1.1; plain shows the verifier
		return oautherr.New(oautherr.InvalidRequest, "PKCE is required: code_challenge_method must be S256")
	case !isChallenge(values.Get("code_challenge")):
		return oautherr.New(oautherr.InvalidRequest, "code_challenge must be the base64url form of a SHA-256 hash")
	case values.Has("dpop_jkt") && !isChallenge(values.Get("dpop_jkt")):
		return oautherr.New(oautherr.InvalidRequest, "dpop_jkt must be the base64url form of a SHA-256 hash")
	case display != "" && !slices.Contains([]string{"page", "popup", "touch", "wap"}, display):
		return oautherr.New(oautherr.InvalidRequest, "display must be page, popup, touch or wap")
	}
	return nil
}

// locales keeps what can be language tags. Others are no error (OpenID Connect
// Core, 3.1.2.1).
func locales(text string) []string {
	var tags []string
	for tag := range strings.FieldsSeq(text) {
		if len(tag) <= maxTag && len(tags) < maxLocales && !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	return tags
}

// readDetails reads authorization_details (RFC 9396, 5; OpenID4VCI 1.0, 5.1.1).
func readDetails(t *transaction.Transaction, values url.Values, _ *clients.Client, rules Rules) error {
	text := values.Get("authorization_details")
	if text == "" {
		return nil
	}
	if rules.Credentials == nil {
		return oautherr.New(oautherr.InvalidAuthorizationDetails, "authorization_details are not supported")
	}
	requested, err := rules.Credentials.Requested(text)
	if err != nil {
		return oautherr.New(oautherr.InvalidAuthorizationDetails, "authorization_details: %v", err)
	}
	t.Configurations = requested
	return nil
}

// readScope keeps the scopes that the client is registered for; the others are
// ignored, and the token response tells what is left (RFC 6749, 3.3). A request
// without openid is no OpenID Connect request and has to be for credentials.
func readScope(t *transaction.Transaction, values url.Values, client *clients.Client, rules Rules) error {
	for scope := range strings.FieldsSeq(values.Get("scope")) {
		if slices.Contains(client.Scopes, scope) && !slices.Contains(t.Scopes, scope) {
			t.Scopes = append(t.Scopes, scope)
		}
	}
	slices.Sort(t.Scopes)
	if slices.Contains(t.Scopes, "openid") || len(t.Configurations) > 0 {
		return nil
	}
	if rules.Credentials != nil && len(rules.Credentials.IDs(t.Scopes)) > 0 {
		return nil
	}
	return oautherr.New(oautherr.InvalidScope, "scope must contain openid, or ask for a credential, and the client must be registered for it")
}

func readPrompt(t *transaction.Transaction, values url.Values, _ *clients.Client, _ Rules) error {
	for prompt := range strings.FieldsSeq(values.Get("prompt")) {
		if !slices.Contains([]string{"none", "login", "consent", "select_account"}, prompt) {
			return oautherr.New(oautherr.InvalidRequest, "prompt %.40q is not supported", prompt)
		}
		if !t.Asks(prompt) {
			t.Prompt = append(t.Prompt, prompt)
		}
	}
	if t.Asks("none") && len(t.Prompt) > 1 { // OpenID Connect Core, 3.1.2.1
		return oautherr.New(oautherr.InvalidRequest, "prompt none excludes all others")
	}
	return nil
}

func readMaxAge(t *transaction.Transaction, values url.Values, client *clients.Client, _ Rules) error {
	if client.DefaultMaxAge != nil {
		t.MaxAge = *client.DefaultMaxAge
	}
	text := values.Get("max_age")
	if text == "" {
		return nil
	}
	age, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return oautherr.New(oautherr.InvalidRequest, "max_age must be a number of seconds")
	}
	t.MaxAge = int(min(age, maxAge))
	return nil
}

func readClaims(t *transaction.Transaction, values url.Values, client *clients.Client, _ Rules) error {
	request, err := claim.ParseRequest(values.Get("claims"))
	if err != nil {
		return oautherr.New(oautherr.InvalidRequest, "%v", err)
	}
	request.Only = client.Claims
	t.Claims, t.Subject = request, request.Subject
	// Both are in the transaction itself.
	t.Claims.Subject, t.Claims.ACRs = "", nil
	if request.EssentialACR {
		t.ACRs = acceptable(request.ACRs, client)
		if len(t.ACRs) == 0 { // OpenID Connect Core, 5.5.1.1
			return oautherr.New(oautherr.UnmetAuthenticationRequirements, "none of the essential values of acr can be met")
		}
		return nil
	}
	t.ACRs = acceptable(request.ACRs, client)
	return nil
}

// readACR takes acr_values: wishes, so unknown ones are no error. An essential
// request for the claim goes before them.
func readACR(t *transaction.Transaction, values url.Values, client *clients.Client, _ Rules) error {
	if len(t.ACRs) == 0 {
		t.ACRs = acceptable(strings.Fields(values.Get("acr_values")), client)
	}
	if len(t.ACRs) == 0 && len(client.ACRs) > 0 {
		t.ACRs = acceptable(client.ACRs, client)
	}
	return nil
}

// acceptable returns those of acrs that this provider knows and client may use.
func acceptable(acrs []string, client *clients.Client) []string {
	var known []string
	for _, acr := range acrs {
		_, ours := authenticator.FactorOf(acr)
		allowed := len(client.ACRs) == 0 || slices.Contains(client.ACRs, acr)
		if ours && allowed && !slices.Contains(known, acr) {
			known = append(known, acr)
		}
	}
	return known
}

// readResource accepts the one resource that there is: the provider with its
// userinfo and credential endpoints (RFC 8707, 2; OpenID4VCI 1.0, 5.1.2).
func readResource(t *transaction.Transaction, values url.Values, _ *clients.Client, rules Rules) error {
	for _, resource := range values["resource"] {
		if resource != rules.Issuer {
			return oautherr.New(oautherr.InvalidTarget, "resource is not known: it must be %s", rules.Issuer)
		}
		t.Resource = resource
	}
	return nil
}
