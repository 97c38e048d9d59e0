package authorize

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/oautherr"
)

// Params is an authorization request, checked.
type Params struct {
	Scopes        []string
	State         string
	Nonce         string
	CodeChallenge string
	PromptConsent bool
	Locales       []string
}

// maxParam bounds each parameter that is kept.
const maxParam = 2048

// isChallenge reports whether text can be an S256 challenge: the base64url form
// of 32 bytes (RFC 7636, 4.2).
func isChallenge(text string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && len(raw) == sha256.Size
}

// single refuses parameters given more than once (RFC 6749, 3.1).
func single(values url.Values) error {
	for name, all := range values {
		if len(all) > 1 {
			return oautherr.New(oautherr.InvalidRequest, "parameter %.40q is given more than once", name)
		}
		if len(all[0]) > maxParam {
			return oautherr.New(oautherr.InvalidRequest, "parameter %.40q is too long", name)
		}
	}
	return nil
}

// redirectURI returns where answers may go. Until it is known to be the
// client's, nothing may be sent there (RFC 6749, 4.1.2.1).
func redirectURI(values url.Values, client *clients.Client) (string, error) {
	uri := values.Get("redirect_uri")
	if uri == "" {
		return "", oautherr.New(oautherr.InvalidRequest, "redirect_uri is missing")
	}
	// Exact comparison (RFC 9700, 2.1).
	if !slices.Contains(client.RedirectURIs, uri) {
		return "", oautherr.New(oautherr.InvalidRequest, "redirect_uri is not registered for this client")
	}
	return uri, nil
}

// Parse checks an authorization request for client whose redirect URI is good.
func Parse(values url.Values, client *clients.Client) (*Params, error) {
	switch {
	case values.Has("request"):
		return nil, oautherr.New(oautherr.RequestNotSupported, "request objects are not supported")
	case values.Has("request_uri"):
		return nil, oautherr.New(oautherr.RequestURINotSupported, "request_uri is not supported")
	case values.Get("response_type") != "code":
		return nil, oautherr.New(oautherr.UnsupportedResponseType, "response_type must be code")
	case values.Has("response_mode") && values.Get("response_mode") != "query":
		return nil, oautherr.New(oautherr.InvalidRequest, "response_mode must be query")
	case !client.MayUse("authorization_code"):
		return nil, oautherr.New(oautherr.UnauthorizedClient, "the client may not use the authorization code grant")
	case values.Get("code_challenge_method") != "S256":
		return nil, oautherr.New(oautherr.InvalidRequest, "PKCE is required: code_challenge_method must be S256")
	case !isChallenge(values.Get("code_challenge")):
		return nil, oautherr.New(oautherr.InvalidRequest, "code_challenge must be the base64url form of a SHA-256 hash")
	}
	params := &Params{
		State: values.Get("state"), Nonce: values.Get("nonce"), CodeChallenge: values.Get("code_challenge"),
		Locales: strings.Fields(values.Get("ui_locales")),
	}
	var err error
	params.Scopes, err = parseScope(values.Get("scope"), client)
	if err != nil {
		return nil, err
	}
	params.PromptConsent, err = parsePrompt(values.Get("prompt"))
	if err != nil {
		return nil, err
	}
	return params, nil
}

func parseScope(text string, client *clients.Client) ([]string, error) {
	scopes := strings.Fields(text)
	slices.Sort(scopes)
	scopes = slices.Compact(scopes)
	if !slices.Contains(scopes, "openid") {
		return nil, oautherr.New(oautherr.InvalidScope, "scope must contain openid")
	}
	for _, scope := range scopes {
		if !slices.Contains(client.Scopes, scope) {
			return nil, oautherr.New(oautherr.InvalidScope, "the client may not ask for scope %.40q", scope)
		}
	}
	return scopes, nil
}

// parsePrompt reports whether consent has to be asked again. There are no
// sessions, so a login is always asked for and prompt=none never succeeds
// (OpenID Connect Core, 3.1.2.1).
func parsePrompt(text string) (consent bool, err error) {
	prompts := strings.Fields(text)
	for _, prompt := range prompts {
		switch prompt {
		case "none":
			if len(prompts) > 1 {
				return false, oautherr.New(oautherr.InvalidRequest, "prompt none excludes all others")
			}
			return false, oautherr.New(oautherr.LoginRequired, "there is no session: the user has to log in")
		case "consent":
			consent = true
		case "login":
		default:
			return false, oautherr.New(oautherr.InvalidRequest, "prompt %.40q is not supported", prompt)
		}
	}
	return consent, nil
}
