// Package client asks HSM nodes to sign. It prefers the first node and goes on
// to the next when one does not answer in time or lacks the key; it holds no
// keys. What several callers want signed at once travels to a node in one
// request, because a request costs more than a signature.
package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/hsm/protocol"
	"tocsin/system/internal/wire"
)

var (
	// ErrUnavailable means that no node signed; trying again later may help.
	ErrUnavailable = errors.New("no HSM node signed")
	// ErrRefused means that a node answered and will not do it.
	ErrRefused = errors.New("HSM node refused")
)

const (
	// attemptTimeout bounds one try. A signature takes about a millisecond, so
	// a node that needs this long is as good as gone.
	attemptTimeout = 600 * time.Millisecond
	// changeTimeout bounds making, taking and removing keys.
	changeTimeout = 10 * time.Second
	// restAfterFailure is how long a node that failed is asked only after the
	// others. Short, because a node that is back should be found at once.
	restAfterFailure = time.Second
)

// Client is safe for concurrent use.
type Client struct {
	nodes []*node
	// signing and changing differ in how long they wait.
	signing, changing *wire.Nodes
}

// New returns a client of the nodes at urls, in order of preference.
func New(urls []string, config *tls.Config) *Client {
	every := func(int) bool { return true }
	client := &Client{
		signing:  wire.NewNodes(urls, config, attemptTimeout, every),
		changing: wire.NewNodes(urls, config, changeTimeout, every),
	}
	for _, url := range urls {
		client.nodes = append(client.nodes, newNode(url, client.signing))
	}
	return client
}

// Nodes returns the addresses of all nodes.
func (c *Client) Nodes() []string { return c.signing.URLs() }

// Close ends idle connections.
func (c *Client) Close() {
	c.signing.Close()
	c.changing.Close()
}

// Sign returns the signature of the first node that makes it, as in a JWS.
func (c *Client) Sign(ctx context.Context, order protocol.Order) ([]byte, error) {
	problems := []error{ErrUnavailable}
	for _, node := range c.preferred(order.Key, time.Now()) {
		signature, err := node.sign(ctx, order)
		if err == nil {
			return signature, nil
		}
		problems = append(problems, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(problems...)
}

// SignAt is Sign at one node only, to learn whether that one works.
func (c *Client) SignAt(ctx context.Context, address string, order protocol.Order) ([]byte, error) {
	for _, node := range c.nodes {
		if node.url != address {
			continue
		}
		signature, err := node.sign(ctx, order)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return signature, nil
	}
	return nil, fmt.Errorf("%w: %s is not a node", ErrUnavailable, address)
}

// preferred returns the nodes in the order to ask them: those that just failed,
// or just did not have the key, after the others.
func (c *Client) preferred(key protocol.ID, now time.Time) []*node {
	order := make([]*node, 0, len(c.nodes))
	for _, wanted := range []bool{false, true} {
		for _, node := range c.nodes {
			if node.rests(key, now) == wanted {
				order = append(order, node)
			}
		}
	}
	return order
}

// Keys returns the public signing keys of the node at address.
func (c *Client) Keys(ctx context.Context, address string) ([]jose.JSONWebKey, error) {
	var set jose.JSONWebKeySet
	err := ask(ctx, c.signing, address, wire.Request{Method: http.MethodGet, Path: "/v1/keys"}, http.StatusOK, &set)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	for _, key := range set.Keys {
		if err := protocol.CheckJWK(key); err != nil {
			return nil, fmt.Errorf("read keys of %s: %w", address, err)
		}
	}
	return set.Keys, nil
}
