package wire

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync/atomic"
	"time"

	"tocsin/system/internal/trace"
)

// ErrUnavailable means that no node gave an answer that counts. What the
// request asked for may or may not have happened.
var ErrUnavailable = errors.New("no node answered")

// restAfterFailure is how long a node that failed is asked only after the
// others. Short, because a node that is back should be found at once.
const restAfterFailure = time.Second

// Nodes is a set of equal HTTPS services, preferred in their order. Requests
// given to it must be safe to repeat.
type Nodes struct {
	nodes   []*node
	attempt time.Duration
	accept  func(status int) bool
}

// Request is what to ask of a node.
type Request struct {
	Method string
	// Path with query, below the node's address.
	Path   string
	Header http.Header
	Body   []byte
}

type node struct {
	url       string
	transport *http.Transport
	restUntil atomic.Int64 // Unix nanoseconds
}

// Reply is a whole answer of one node.
type Reply struct {
	Node   string
	Status int
	Header http.Header
	Body   []byte
}

// NewNodes returns the services at urls. attempt bounds each try at one node;
// an answer whose status accept refuses counts as no answer of that node.
func NewNodes(urls []string, config *tls.Config, attempt time.Duration, accept func(status int) bool) *Nodes {
	set := &Nodes{attempt: attempt, accept: accept}
	for _, url := range urls {
		set.nodes = append(set.nodes, &node{url: url, transport: transport(config)})
	}
	return set
}

// transport keeps connections to a node. One whose peer vanished is noticed by
// the attempt that runs out of time on it, and by TCP (Dialer).
func transport(config *tls.Config) *http.Transport {
	return &http.Transport{
		DialContext:         Dialer().DialContext,
		TLSClientConfig:     config.Clone(),
		TLSHandshakeTimeout: time.Second,
		Protocols:           protocols(),
		IdleConnTimeout:     time.Minute,
		MaxIdleConnsPerHost: 64,
		DisableCompression:  true,
	}
}

// URLs returns the addresses of the nodes in order of preference.
func (n *Nodes) URLs() []string {
	urls := make([]string, len(n.nodes))
	for i, node := range n.nodes {
		urls[i] = node.url
	}
	return urls
}

// Close ends idle connections.
func (n *Nodes) Close() {
	for _, node := range n.nodes {
		node.transport.CloseIdleConnections()
	}
}

// Do sends the request to the first node that answers: those that have not
// just failed first, each in order. It ends with ErrUnavailable when none does
// before ctx ends.
func (n *Nodes) Do(ctx context.Context, request Request) (*Reply, error) {
	return n.DoEach(ctx, func(string) (Request, bool) { return request, true })
}

// DoEach is Do for requests that depend on the node: build makes the one for
// the node at url, or says that this node cannot be asked.
func (n *Nodes) DoEach(ctx context.Context, build func(url string) (Request, bool)) (*Reply, error) {
	problems := []error{ErrUnavailable}
	for _, node := range n.order(time.Now()) {
		request, possible := build(node.url)
		if !possible {
			continue
		}
		reply, err := n.try(ctx, node, request)
		if err == nil {
			return reply, nil
		}
		problems = append(problems, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(problems...)
}

// DoAt sends the request to one node only, whatever happened to it before.
func (n *Nodes) DoAt(ctx context.Context, url string, request Request) (*Reply, error) {
	for _, node := range n.nodes {
		if node.url == url {
			return n.try(ctx, node, request)
		}
	}
	return nil, fmt.Errorf("%w: %s is not a node", ErrUnavailable, url)
}

func (n *Nodes) order(now time.Time) []*node {
	order := make([]*node, 0, len(n.nodes))
	var resting []*node
	for _, node := range n.nodes {
		if now.UnixNano() < node.restUntil.Load() {
			resting = append(resting, node)
			continue
		}
		order = append(order, node)
	}
	return append(order, resting...)
}

func (n *Nodes) try(ctx context.Context, node *node, request Request) (*Reply, error) {
	node.claim()
	attemptCtx, cancel := context.WithTimeout(ctx, n.attempt)
	defer cancel()
	reply, err := roundTrip(attemptCtx, node, request)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return nil, err // our caller left; that says nothing about the node
	}
	if err == nil && !n.accept(reply.Status) {
		err = fmt.Errorf("%s answered %d: %.200s", node.url, reply.Status, reply.Body)
	}
	if err != nil {
		node.restUntil.Store(time.Now().Add(restAfterFailure).UnixNano())
		return nil, err
	}
	node.restUntil.Store(0)
	return reply, nil
}

// claim makes a node that failed rest again while somebody finds out whether it
// is back: one request waits for that, not all that come meanwhile.
func (n *node) claim() {
	if rested := n.restUntil.Load(); rested != 0 {
		n.restUntil.CompareAndSwap(rested, time.Now().Add(restAfterFailure).UnixNano())
	}
}

func roundTrip(ctx context.Context, node *node, spec Request) (*Reply, error) {
	request, err := http.NewRequestWithContext(ctx, spec.Method, node.url+spec.Path, bytes.NewReader(spec.Body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	maps.Copy(request.Header, spec.Header)
	trace.Propagate(ctx, request.Header)
	response, err := node.transport.RoundTrip(request)
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			// The connection is suspect: the next request should not wait on it.
			node.transport.CloseIdleConnections()
		}
		return nil, fmt.Errorf("%s %s: %w", spec.Method, node.url, err)
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	closeErr := response.Body.Close()
	if err := errors.Join(err, closeErr); err != nil {
		return nil, fmt.Errorf("read answer of %s: %w", node.url, err)
	}
	return &Reply{Node: node.url, Status: response.StatusCode, Header: response.Header, Body: content}, nil
}
