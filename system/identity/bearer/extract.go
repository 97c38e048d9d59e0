package bearer

import (
	"net/http"
	"net/url"
	"strings"

	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/token"
)

// The schemes of access tokens, in lower case: they are compared without regard
// to it (RFC 9110, 11.1).
const (
	schemeBearer = "bearer"
	schemeDPoP   = "dpop"
)

// maxToken bounds what is verified.
const maxToken = 16 << 10

// noToken is the description of the verdict on a request without a token: its
// challenge has no error code (RFC 6750, 3.1).
const noToken = "an access token is needed"

// credentials are an access token as it came.
type credentials struct{ scheme, text string }

// extract reads the token from the header or, in a form post, from the body
// (RFC 6750, 2.1 and 2.2), and from one of them only. One in the address is
// refused: addresses end up in logs.
func extract(r *http.Request) (*credentials, error) {
	if strings.Contains(r.URL.RawQuery, "access_token") {
		if query, err := url.ParseQuery(r.URL.RawQuery); err != nil || query.Has("access_token") {
			return nil, oautherr.New(oautherr.InvalidRequest, "an access token in the address is not taken")
		}
	}
	inHeader, err := fromHeader(r)
	if err != nil {
		return nil, err
	}
	inBody, err := fromBody(r)
	if err != nil {
		return nil, err
	}
	switch {
	case inHeader != nil && inBody != nil:
		return nil, oautherr.New(oautherr.InvalidRequest, "there is more than one access token")
	case inHeader != nil:
		return inHeader, nil
	case inBody != nil:
		return inBody, nil
	}
	return nil, oautherr.New(oautherr.InvalidToken, noToken)
}

func fromHeader(r *http.Request) (*credentials, error) {
	headers := r.Header["Authorization"]
	if len(headers) == 0 {
		return nil, nil
	}
	if len(headers) > 1 {
		return nil, oautherr.New(oautherr.InvalidRequest, "there is more than one Authorization header")
	}
	scheme, text, _ := strings.Cut(headers[0], " ")
	scheme = strings.ToLower(scheme)
	if scheme != schemeBearer && scheme != schemeDPoP {
		return nil, nil
	}
	text = strings.Trim(text, " ")
	if text == "" || len(text) > maxToken || strings.ContainsAny(text, " ,\t") {
		return nil, oautherr.New(oautherr.InvalidRequest, "the Authorization header holds no access token")
	}
	return &credentials{scheme: scheme, text: text}, nil
}

func fromBody(r *http.Request) (*credentials, error) {
	if r.Method != http.MethodPost || !token.IsForm(r) {
		return nil, nil
	}
	form, err := token.Form(r)
	if err != nil {
		return nil, err
	}
	text := form.Get("access_token")
	if !form.Has("access_token") {
		return nil, nil
	}
	if text == "" || len(text) > maxToken {
		return nil, oautherr.New(oautherr.InvalidRequest, "access_token is empty or too long")
	}
	return &credentials{scheme: schemeBearer, text: text}, nil
}
