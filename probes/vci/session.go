package vci

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/oidc"
)

// session is one attempt to get a credential. It carries what one step learns
// and a later needs.
type session struct {
	*oidc.Session
	want   target.Credential
	client target.Client
	// roots of the issuer's certificates; nil where its published keys are
	// believed.
	roots *x509.CertPool

	offer *offer
	// offerToken is the access token that asked for the offer; empty without.
	offerToken oidc.Tokens

	txCode string
	issuer issuerMetadata
	wanted configuration
	asked  asked
	nonce  string
	// used is the nonce of the right request.
	used     string
	holder   *holder
	issued   issued
	verified verified
	// keys that issuers publish, by issuer.
	keys map[string]*jose.JSONWebKeySet
}

// asked is how the credential is named in a request: by the identifier that
// the token response gave, else by its configuration (OpenID4VCI 1.0, 8.2).
type asked struct{ identifier, configuration string }

// obtain takes every step from the offer to the status of a new credential.
func (s *session) obtain(ctx context.Context) error {
	if err := s.authorized(ctx); err != nil {
		return err
	}
	steps := []struct {
		name string
		act  func(context.Context) error
		skip bool
	}{
		{name: "nonce", act: s.fetchNonce, skip: s.issuer.Nonce == ""},
		{name: "credential", act: s.request},
		{name: "verify", act: s.verify},
		{name: "status-list", act: s.checkStatus},
	}
	for _, step := range steps {
		if step.skip || step.name == "status-list" && s.verified.status == nil {
			continue
		}
		if err := s.Take(ctx, step.name, step.act); err != nil {
			return err
		}
	}
	return nil
}

// authorized takes every step to an access token for the credential.
func (s *session) authorized(ctx context.Context) error {
	if err := s.Discover(ctx); err != nil {
		return err
	}
	if s.want.Offer.Configured() {
		if err := s.mayAskForOffer(ctx); err != nil {
			return err
		}
		if err := s.Take(ctx, "offer", s.getOffer); err != nil {
			return err
		}
	}
	if err := s.Take(ctx, "metadata", s.readMetadata); err != nil {
		return err
	}
	return s.authorize(ctx)
}

// readJSON takes the answer of an endpoint that must answer 2xx with a JSON
// object.
func (s *session) readJSON(reply *exchange.Reply, what string, into any) error {
	if reply.Status < 200 || reply.Status > 299 {
		return s.Refused(reply)
	}
	if !isMedia(reply, "application/json") {
		return exchange.Brokenf(verdict.Content, "%s answered with the media type %q, not application/json", what, reply.Header.Get("Content-Type"))
	}
	if err := json.Unmarshal(reply.Body, into); err != nil {
		return exchange.Brokenf(verdict.Content, "the answer of %s cannot be read: %v", what, err)
	}
	return nil
}

func isMedia(reply *exchange.Reply, name string) bool {
	media, _, _ := strings.Cut(reply.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(media), name)
}

// postJSON makes a request with the access token, where one is given.
func (s *session) postJSON(ctx context.Context, address string, body any) (*exchange.Reply, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, exchange.Ownf(verdict.Internal, err, "the probe cannot write its request: %v", err)
	}
	header := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}
	return s.Authorized(ctx, http.MethodPost, address, header, text)
}

// shorten keeps what the target wrote from filling the page of the reader.
func shorten(text string) string {
	const longest = 120
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return text
}
