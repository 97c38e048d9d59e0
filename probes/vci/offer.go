package vci

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
	"tocsin/probes/oidc"
)

// preAuthorized is the grant type of pre-authorized codes (OpenID4VCI 1.0,
// 4.1.1).
const preAuthorized = "urn:ietf:params:oauth:grant-type:pre-authorized_code"

// offer is a credential offer (OpenID4VCI 1.0, 4.1.1).
type offer struct {
	Issuer         string                     `json:"credential_issuer"`
	Configurations []string                   `json:"credential_configuration_ids"`
	Grants         map[string]json.RawMessage `json:"grants"`
}

// codeGrant and preAuthorizedGrant are what an offer says of a grant.
type codeGrant struct {
	IssuerState string `json:"issuer_state"`
	Server      string `json:"authorization_server"`
}

type preAuthorizedGrant struct {
	Code   string `json:"pre-authorized_code"`
	TxCode *struct {
		Length      int    `json:"length"`
		InputMode   string `json:"input_mode"`
		Description string `json:"description"`
	} `json:"tx_code"`
	Server string `json:"authorization_server"`
}

// parseOffer reads and checks the JSON of an offer.
func parseOffer(text []byte) (*offer, error) {
	var parsed offer
	if err := json.Unmarshal(text, &parsed); err != nil {
		return nil, fmt.Errorf("the offer is not JSON: %w", err)
	}
	unique := slices.Compact(slices.Sorted(slices.Values(parsed.Configurations)))
	switch {
	case parsed.Issuer == "":
		return nil, errors.New("the offer has no credential_issuer")
	case len(parsed.Configurations) == 0:
		return nil, errors.New("the offer offers nothing: credential_configuration_ids is empty")
	case len(unique) != len(parsed.Configurations):
		return nil, errors.New("the offer names a configuration twice")
	}
	return &parsed, nil
}

// offerLink is what an offer link carries: the offer itself, or where it is.
type offerLink struct {
	value     []byte
	reference string
}

// parseLink reads an offer link (OpenID4VCI 1.0, 4.1.2 and 4.1.3), whatever
// its scheme: wallets have schemes and addresses of their own.
func parseLink(text string) (*offerLink, error) {
	parsed, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		return nil, errors.New("the offer link is no URL") // its text may be a secret
	}
	query := parsed.Query()
	value, reference := query.Get("credential_offer"), query.Get("credential_offer_uri")
	switch {
	case value != "" && reference != "":
		return nil, errors.New("the offer link has both credential_offer and credential_offer_uri")
	case value != "":
		return &offerLink{value: []byte(value)}, nil
	case reference != "":
		return &offerLink{reference: reference}, nil
	}
	return nil, errors.New("the offer link has neither credential_offer nor credential_offer_uri")
}

// getOffer gets an offer, follows its reference, and checks that both ways of
// passing it say the same.
func (s *session) getOffer(ctx context.Context) error {
	links, err := s.offerLinks(ctx)
	if err != nil {
		return err
	}
	var first *offer
	for _, text := range links {
		found, err := s.openLink(ctx, text)
		if err != nil {
			return err
		}
		if first != nil && !reflect.DeepEqual(first, found) {
			return exchange.Brokenf(verdict.Disagreement, "the offer by value and the offer by reference are not the same")
		}
		first = found
	}
	if first.Issuer != s.want.Issuer {
		return exchange.Brokenf(verdict.Claims, "the offer is of the issuer %q, expected %q", shorten(first.Issuer), s.want.Issuer)
	}
	if !slices.Contains(first.Configurations, s.want.ConfigurationID) {
		return exchange.Brokenf(verdict.Claims, "the offer does not offer %s but %s", s.want.ConfigurationID, shorten(strings.Join(first.Configurations, ", ")))
	}
	s.offer = first
	return nil
}

func (s *session) openLink(ctx context.Context, text string) (*offer, error) {
	link, err := parseLink(text)
	if err != nil {
		return nil, exchange.Brokenf(verdict.Content, "%v", err)
	}
	value := link.value
	if link.reference != "" {
		reply, err := s.Get(ctx, link.reference, journey.AcceptJSON)
		if err != nil {
			return nil, err
		}
		if reply.Status != http.StatusOK {
			return nil, exchange.Unexpected(reply, "")
		}
		if !isMedia(reply, "application/json") {
			return nil, exchange.Brokenf(verdict.Content, "the offer has the media type %q, not application/json", reply.Header.Get("Content-Type"))
		}
		value = reply.Body
	}
	found, err := parseOffer(value)
	if err != nil {
		return nil, exchange.Brokenf(verdict.Content, "%v", err)
	}
	return found, nil
}

// offerLinks gets links to one offer: from a file, or by asking for a new one.
func (s *session) offerLinks(ctx context.Context) ([]string, error) {
	if s.want.Offer.LinkFile != "" {
		link, err := target.ReadSecret(s.want.Offer.LinkFile)
		if err != nil {
			return nil, exchange.Ownf(verdict.OwnConfig, err, "the offer link cannot be used: %v", err)
		}
		return []string{link}, nil
	}
	reply, err := s.askForOffer(ctx)
	if err != nil {
		return nil, err
	}
	if reply.Status < 200 || reply.Status > 299 {
		return nil, s.Refused(reply)
	}
	links, txCode := linksIn(reply.Body)
	if len(links) == 0 {
		return nil, exchange.Brokenf(verdict.Content, "the answer of %s has no offer link in it", reply.URL.Path)
	}
	s.txCode = txCode
	return links, nil
}

// mayAskForOffer gets the access token that asks for offers, which is not the
// one that asks for credentials later.
func (s *session) mayAskForOffer(ctx context.Context) (err error) {
	switch scope := s.want.Offer.Scope; {
	case scope == "":
		return nil
	case s.want.Offer.As == target.OfferAsPerson:
		err = s.LogIn(ctx, oidc.Request{Scopes: append(slices.Clone(s.client.Scopes), scope)})
	default:
		err = s.Take(ctx, "service-token", func(ctx context.Context) error {
			return s.Token(ctx, url.Values{"grant_type": {"client_credentials"}, "scope": {scope}})
		})
	}
	s.offerToken = s.Tokens
	return err
}

// askForOffer makes the request of the target file.
func (s *session) askForOffer(ctx context.Context) (*exchange.Reply, error) {
	header := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/plain"}}
	if s.want.Offer.Scope != "" {
		tokens := s.Tokens
		defer func() { s.Tokens = tokens }()
		s.Tokens = s.offerToken
		return s.Authorized(ctx, http.MethodPost, s.want.Offer.URL, header, []byte(s.want.Offer.Body))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.want.Offer.URL, strings.NewReader(s.want.Offer.Body))
	if err != nil {
		return nil, exchange.Ownf(verdict.OwnConfig, err, "credential.offer.url cannot be asked: %v", err)
	}
	request.Header = header
	return s.Send(ctx, request)
}

// linksIn finds the offer links in an answer that is a link itself, or a JSON
// object with links, and beside them a transaction code under its name in the
// standard. Issuers have not agreed on more.
func linksIn(body []byte) (links []string, txCode string) {
	text := string(bytes.TrimSpace(body))
	var whole string
	if json.Unmarshal(body, &whole) == nil {
		text = whole
	}
	if isLink(text) {
		return []string{text}, ""
	}
	var members map[string]any
	if json.Unmarshal(body, &members) != nil {
		return nil, ""
	}
	for name, member := range members {
		text, isText := member.(string)
		switch {
		case !isText:
		case name == "tx_code":
			txCode = text
		case isLink(text):
			links = append(links, text)
		}
	}
	slices.Sort(links) // by value comes before by reference
	return links, txCode
}

func isLink(text string) bool {
	_, err := parseLink(text)
	return err == nil
}

// grantOf reads what the offer says of a grant; false where it does not.
func (o *offer) grantOf(name string, into any) (bool, error) {
	if o == nil {
		return false, nil
	}
	text, offered := o.Grants[name]
	if !offered {
		return false, nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return false, exchange.Brokenf(verdict.Content, "the grant %s of the offer cannot be read: %v", name, err)
	}
	return true, nil
}
