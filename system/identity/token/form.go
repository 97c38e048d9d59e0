package token

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tocsin/system/identity/oautherr"
)

const (
	// maxForm and maxParameters bound a request.
	maxForm       = 64 << 10
	maxParameters = 64
	formType      = "application/x-www-form-urlencoded"
)

// Form reads the parameters of a request. They must be in the body, and none
// twice (RFC 6749, 3.2). It may be called again for the same request.
func Form(r *http.Request) (url.Values, error) {
	if r.PostForm != nil {
		return r.PostForm, nil
	}
	if !IsForm(r) {
		return nil, oautherr.New(oautherr.InvalidRequest, "the body must be "+formType)
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxForm))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, oautherr.New(oautherr.InvalidRequest, "the body is larger than %d bytes", maxForm)
	}
	if err != nil {
		return nil, oautherr.New(oautherr.InvalidRequest, "the body ended early")
	}
	text := string(body)
	if strings.Count(text, "&") >= maxParameters {
		return nil, oautherr.New(oautherr.InvalidRequest, "there are more than %d parameters", maxParameters)
	}
	form, err := url.ParseQuery(text)
	if err != nil {
		return nil, oautherr.New(oautherr.InvalidRequest, "the form cannot be read")
	}
	for name, values := range form {
		if len(values) > 1 {
			return nil, oautherr.New(oautherr.InvalidRequest, "parameter %.40q is given more than once", name)
		}
	}
	r.PostForm = form
	return form, nil
}

// IsForm reports whether the body of r is a form.
func IsForm(r *http.Request) bool {
	contentType := r.Header.Get("Content-Type")
	if contentType == formType {
		return true
	}
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && kind == formType
}

// distinct returns the scopes in a parameter, each once (RFC 6749, 3.3).
func distinct(text string) []string {
	var scopes []string
	for scope := range strings.FieldsSeq(text) {
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}
