// Package client asks HSM nodes to sign. It prefers the first node and goes on
// to the next when one does not answer in time; it caches nothing.
package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/internal/wire"
)

// ErrUnavailable means that no node signed; trying again later may help.
var ErrUnavailable = errors.New("no HSM node signed")

// attemptTimeout bounds one try. A signature takes about a millisecond, so a
// node that needs this long is as good as gone.
const attemptTimeout = 600 * time.Millisecond

// Client is safe for concurrent use.
type Client struct {
	nodes *wire.Nodes
}

// New returns a client of the nodes at urls, in order of preference.
func New(urls []string, config *tls.Config) *Client {
	accept := func(status int) bool { return status == http.StatusOK }
	return &Client{nodes: wire.NewNodes(urls, config, attemptTimeout, accept)}
}

// Nodes returns the addresses of all nodes.
func (c *Client) Nodes() []string { return c.nodes.URLs() }

// Close ends idle connections.
func (c *Client) Close() { c.nodes.Close() }

// Keys returns the public keys of the node at address.
func (c *Client) Keys(ctx context.Context, address string) ([]jose.JSONWebKey, error) {
	reply, err := c.nodes.DoAt(ctx, address, wire.Request{Method: http.MethodGet, Path: "/v1/keys"})
	if err != nil {
		return nil, fmt.Errorf("%w: read keys: %w", ErrUnavailable, err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(reply.Body, &set); err != nil {
		return nil, fmt.Errorf("read keys of %s: %w", address, err)
	}
	return set.Keys, nil
}

// Order is what to sign: which key of a node, and the digest for that key. The
// digest may depend on the key, because a JWS names its key in what is signed.
type Order struct {
	KeyID  string
	Digest [32]byte
}

// Sign has the first node that can carry out the order for it. It returns the
// raw signature (r and s, 32 bytes each) and the node's address.
func (c *Client) Sign(ctx context.Context, orderFor func(node string) (Order, bool)) (signature []byte, node string, err error) {
	reply, err := c.nodes.DoEach(ctx, func(node string) (wire.Request, bool) {
		order, possible := orderFor(node)
		return signRequest(order), possible
	})
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if len(reply.Body) != 64 {
		return nil, "", fmt.Errorf("%w: %s sent a signature of %d bytes", ErrUnavailable, reply.Node, len(reply.Body))
	}
	return reply.Body, reply.Node, nil
}

// SignAt is Sign at one node only, to learn whether that one works.
func (c *Client) SignAt(ctx context.Context, address string, order Order) ([]byte, error) {
	reply, err := c.nodes.DoAt(ctx, address, signRequest(order))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return reply.Body, nil
}

func signRequest(order Order) wire.Request {
	return wire.Request{
		Method: http.MethodPost,
		Path:   "/v1/sign?kid=" + url.QueryEscape(order.KeyID),
		Body:   order.Digest[:],
	}
}
