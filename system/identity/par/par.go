// Package par is the pushed authorization request endpoint (RFC 9126). A pushed
// request is sealed into its request_uri, so no store has to keep it; what is
// kept, and not here, is that it was completed.
package par

import (
	"crypto/rand"
	"net/url"
	"strings"
	"time"

	"tocsin/system/identity/authorize"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/secret"
	"tocsin/system/identity/transaction"
)

// pushed is what a request_uri holds.
type pushed struct {
	ID       string            `json:"id"`
	ClientID string            `json:"c"`
	Values   map[string]string `json:"v"`
	Expires  time.Time         `json:"e"`
}

// Requests makes and opens request_uris.
type Requests struct {
	box *secret.Box
	now func() time.Time
}

// NewRequests returns requests sealed with keys.
func NewRequests(keys *secret.Keys, now func() time.Time) (*Requests, error) {
	box, err := keys.Box("par")
	if err != nil {
		return nil, err
	}
	return &Requests{box: box, now: now}, nil
}

// Seal returns the request_uri of a request that clientID pushed, or a verdict
// when it is too large for one.
func (r *Requests) Seal(clientID string, values url.Values) (string, error) {
	request := pushed{
		ID: rand.Text(), ClientID: clientID, Values: make(map[string]string, len(values)),
		Expires: r.now().Add(transaction.PushedLife).UTC(),
	}
	for name := range values {
		request.Values[name] = values.Get(name)
	}
	sealed, err := r.box.Seal(request)
	if err != nil {
		return "", err
	}
	uri := authorize.RequestURIPrefix + sealed
	if len(uri) > authorize.MaxRequestURI {
		return "", oautherr.New(oautherr.InvalidRequest, "the parameters are too large together")
	}
	return uri, nil
}

// Open implements authorize.Pushed. An expired request is returned with the
// verdict, so that the person can be led back to the client.
func (r *Requests) Open(requestURI, clientID string) (url.Values, string, error) {
	sealed, found := strings.CutPrefix(requestURI, authorize.RequestURIPrefix)
	request := &pushed{}
	// One error for all: nobody learns whose request it is.
	if !found || r.box.Open(sealed, request) != nil || request.ClientID != clientID {
		return nil, "", oautherr.New(oautherr.InvalidRequestURI, "request_uri is not known, or is another client's")
	}
	values := make(url.Values, len(request.Values))
	for name, value := range request.Values {
		values.Set(name, value)
	}
	if !r.now().Before(request.Expires) {
		return values, request.ID, oautherr.New(oautherr.InvalidRequestURI, "request_uri has expired")
	}
	return values, request.ID, nil
}
