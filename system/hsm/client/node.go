package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/hsm/protocol"
	"tocsin/system/internal/wire"
)

// node is one HSM node as seen from here.
type node struct {
	url  string
	wire *wire.Nodes
	rest atomic.Int64 // Unix nanoseconds until which it is asked last
	// What takes a tenth of a millisecond must not queue behind RSA.
	fast, slow lane

	mu    sync.Mutex
	lacks map[protocol.ID]time.Time // keys it did not have, and until when that is believed
}

// maxLacks bounds what is remembered of keys a node does not have.
const maxLacks = 64

func newNode(url string, nodes *wire.Nodes) *node {
	return &node{
		url: url, wire: nodes, lacks: map[protocol.ID]time.Time{},
		fast: lane{most: protocol.MaxOrders}, slow: lane{most: maxSlow},
	}
}

var errNoKey = errors.New("node has no such key")

// sign has this node carry out one order.
func (n *node) sign(ctx context.Context, order protocol.Order) ([]byte, error) {
	pending := &pendingOrder{order: order, done: make(chan outcome, 1)}
	lane := &n.fast
	if order.Algorithm != jose.ES256 {
		lane = &n.slow
	}
	attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	n.enqueue(lane, pending)
	select {
	case result := <-pending.done:
		if result.err == nil {
			return result.signature, nil
		}
		n.remember(order.Key, result.err)
		return nil, fmt.Errorf("sign at %s: %w", n.url, result.err)
	case <-attempt.Done():
		if ctx.Err() == nil { // else our caller left, which says nothing about the node
			n.remember(order.Key, attempt.Err())
		}
		return nil, fmt.Errorf("sign at %s: %w", n.url, attempt.Err())
	}
}

// remember puts the node, or the node for that key, behind the others for a while.
func (n *node) remember(key protocol.ID, err error) {
	until := time.Now().Add(restAfterFailure)
	if !errors.Is(err, errNoKey) {
		n.rest.Store(until.UnixNano())
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.lacks) >= maxLacks {
		clear(n.lacks)
	}
	n.lacks[key] = until
}

func (n *node) rests(key protocol.ID, now time.Time) bool {
	if now.UnixNano() < n.rest.Load() {
		return true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.lacks) > 0 && now.Before(n.lacks[key])
}

// batch sends orders in one request and returns their answers.
func (n *node) batch(orders []*pendingOrder) ([]protocol.Answer, error) {
	body := make([]byte, 0, len(orders)*protocol.OrderSize)
	for _, pending := range orders {
		body = protocol.AppendOrder(body, pending.order)
	}
	// The orders of several callers travel together, so none of theirs is the
	// context; the attempt has a deadline of its own.
	ctx, cancel := context.WithTimeout(context.Background(), attemptTimeout)
	defer cancel()
	reply, err := n.wire.DoAt(ctx, n.url, wire.Request{Method: http.MethodPost, Path: "/v1/sign-batch", Body: body})
	if err != nil {
		return nil, err
	}
	if reply.Status != http.StatusOK {
		return nil, fmt.Errorf("answered %d: %.200s", reply.Status, reply.Body)
	}
	return protocol.ParseAnswers(reply.Body, len(orders))
}
