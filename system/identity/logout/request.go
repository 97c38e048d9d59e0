package logout

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"tocsin/system/identity/authorize"
	"tocsin/system/identity/clients"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/policy"
	"tocsin/system/identity/session/hint"
	"tocsin/system/identity/store"
)

// request is a checked logout request. It is sealed when the person is asked.
type request struct {
	ClientName string `json:"client,omitempty"`
	// Location is where the browser goes in the end, "" for our own page.
	Location string    `json:"to,omitempty"`
	Locales  []string  `json:"l,omitempty"`
	Expires  time.Time `json:"e"`
	hint     *hint.Hint
	// sector is that of the hint's subject.
	sector string
}

// read checks the parameters of RP-Initiated Logout 1.0, 2 and 3.
func (e *Endpoint) read(ctx context.Context, values url.Values) (*request, error) {
	if err := authorize.WellFormed(values); err != nil {
		return nil, err
	}
	asked := &request{Locales: strings.Fields(values.Get("ui_locales")), Expires: e.config.Now().Add(askFor).UTC()}
	known, err := e.hint(ctx, values.Get("id_token_hint"))
	if err != nil {
		return nil, err
	}
	asked.hint = known
	id := values.Get("client_id")
	if known != nil {
		if id != "" && id != known.ClientID {
			return nil, oautherr.New(oautherr.InvalidRequest, "client_id is not the client of id_token_hint")
		}
		id = known.ClientID
	}
	target := values.Get("post_logout_redirect_uri")
	if id == "" {
		if target != "" {
			return nil, oautherr.New(oautherr.InvalidRequest, "post_logout_redirect_uri needs client_id or id_token_hint")
		}
		return asked, nil
	}
	client, err := e.client(ctx, id)
	if err != nil {
		return nil, err
	}
	asked.ClientName, asked.sector = client.Name, client.SectorOf()
	asked.Location, err = location(client, target, values.Get("state"))
	return asked, err
}

// hint returns nil for a hint that is none of ours: the person is asked then.
func (e *Endpoint) hint(ctx context.Context, token string) (*hint.Hint, error) {
	if token == "" {
		return nil, nil
	}
	known, err := hint.Read(e.config.Hints, e.config.Issuer, token)
	if errors.Is(err, hint.ErrNone) {
		return nil, nil
	}
	if err := e.config.Judge.Err(ctx, policy.ReadHint, err); err != nil {
		return nil, fmt.Errorf("log out: %w", err)
	}
	return known, nil
}

func (e *Endpoint) client(ctx context.Context, id string) (*clients.Client, error) {
	client, err := e.config.Clients.Client(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, oautherr.New(oautherr.InvalidRequest, "the client is not known")
	}
	if err := e.config.Judge.Err(ctx, policy.ReadClient, err); err != nil {
		return nil, fmt.Errorf("log out: %w", err)
	}
	return client, nil
}

// location returns target with state, if the client registered exactly that
// target (RP-Initiated Logout 1.0, 3): anything else would be an open redirect.
func location(client *clients.Client, target, state string) (string, error) {
	if target == "" {
		return "", nil
	}
	if !slices.Contains(client.PostLogoutRedirectURIs, target) {
		return "", oautherr.New(oautherr.InvalidRequest, "post_logout_redirect_uri is not registered for this client")
	}
	if state == "" {
		return target, nil
	}
	separator := "?"
	if strings.Contains(target, "?") {
		separator = "&"
	}
	return target + separator + url.Values{"state": {state}}.Encode(), nil
}
