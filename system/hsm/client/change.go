package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/hsm/protocol"
	"tocsin/system/internal/wire"
)

// Make has the node at address make a key for a use and seal it for the others.
func (c *Client) Make(ctx context.Context, address string, algorithm jose.SignatureAlgorithm, use string) (*protocol.Bundle, error) {
	bundle := &protocol.Bundle{}
	query := url.Values{"alg": {string(algorithm)}, "use": {use}}
	request := wire.Request{Method: http.MethodPost, Path: "/v1/keys?" + query.Encode()}
	if err := ask(ctx, c.changing, address, request, http.StatusCreated, bundle); err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	if err := protocol.CheckJWK(bundle.Public); err != nil {
		return nil, fmt.Errorf("make key at %s: %w", address, err)
	}
	return bundle, nil
}

// Take gives the node at address a key that another made.
func (c *Client) Take(ctx context.Context, address string, bundle *protocol.Bundle) error {
	body, err := json.Marshal(bundle)
	if err != nil {
		return fmt.Errorf("encode sealed key: %w", err)
	}
	request := wire.Request{Method: http.MethodPost, Path: "/v1/take", Body: body}
	if err := ask(ctx, c.changing, address, request, http.StatusNoContent, nil); err != nil {
		return fmt.Errorf("give key %s: %w", bundle.Public.KeyID, err)
	}
	return nil
}

// Remove has the node at address destroy a key for good.
func (c *Client) Remove(ctx context.Context, address, kid string) error {
	request := wire.Request{Method: http.MethodDelete, Path: "/v1/keys/" + url.PathEscape(kid)}
	if err := ask(ctx, c.changing, address, request, http.StatusNoContent, nil); err != nil {
		return fmt.Errorf("remove key %s: %w", kid, err)
	}
	return nil
}

// ask sends a request to one node and decodes its answer.
func ask(ctx context.Context, nodes *wire.Nodes, address string, request wire.Request, want int, answer any) error {
	reply, err := nodes.DoAt(ctx, address, request)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	switch {
	case reply.Status >= http.StatusInternalServerError:
		return fmt.Errorf("%w: %s answered %d: %.200s", ErrUnavailable, address, reply.Status, reply.Body)
	case reply.Status != want:
		return fmt.Errorf("%w: %s answered %d: %.200s", ErrRefused, address, reply.Status, reply.Body)
	case answer == nil:
		return nil
	}
	if err := json.Unmarshal(reply.Body, answer); err != nil {
		return fmt.Errorf("read answer of %s: %w", address, err)
	}
	return nil
}
