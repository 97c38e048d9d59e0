package authorize

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/policy"
	"tocsin/system/identity/store"
)

// maxClientID bounds what the store is asked for.
const maxClientID = 256

// received is a request whose answer may go to its redirect URI.
type received struct {
	client *clients.Client
	values url.Values
	// pushed is the id of a pushed request.
	pushed string
	// problem is a verdict that was found before the redirect URI was known.
	problem error
}

// receive finds the client and checks the redirect URI. Until both are known to
// be good, nothing may be sent there (RFC 6749, 4.1.2.1), so every error of it
// is for the person.
func (s *Service) receive(ctx context.Context, values url.Values) (*received, error) {
	if err := WellFormed(values, "client_id", "redirect_uri", "request_uri"); err != nil {
		return nil, err
	}
	client, err := s.client(ctx, values.Get("client_id"))
	if err != nil {
		return nil, err
	}
	r := &received{client: client, values: values}
	if uri := values.Get("request_uri"); strings.HasPrefix(uri, RequestURIPrefix) {
		// What is beside a pushed request is ignored (RFC 9126, 4; RFC 9101, 5).
		r.values, r.pushed, r.problem = s.Pushed.Open(uri, client.ID)
		if r.values == nil {
			return nil, r.problem
		}
	}
	redirect := r.values.Get("redirect_uri")
	if redirect == "" {
		return nil, oautherr.New(oautherr.InvalidRequest, "redirect_uri is missing")
	}
	if !Registered(client, redirect) {
		return nil, oautherr.New(oautherr.InvalidRequest, "redirect_uri is not registered for this client")
	}
	return r, nil
}

func (s *Service) client(ctx context.Context, id string) (*clients.Client, error) {
	if id == "" {
		return nil, oautherr.New(oautherr.InvalidRequest, "client_id is missing")
	}
	if len(id) > maxClientID {
		return nil, oautherr.New(oautherr.InvalidRequest, "the client is not known")
	}
	client, err := s.Clients.Client(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, oautherr.New(oautherr.InvalidRequest, "the client is not known")
	}
	if err := s.Judge.Err(ctx, policy.ReadClient, err); err != nil {
		return nil, fmt.Errorf("authorize: %w", err)
	}
	return client, nil
}
