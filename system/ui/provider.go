package ui

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"tocsin/system/identity/login"
	"tocsin/system/internal/wire"
)

const (
	// attemptTimeout is longer than the provider's own patience with a store:
	// its honest 503 must arrive.
	attemptTimeout = 4 * time.Second
	// stepTimeout bounds one step with going on to another provider.
	stepTimeout = 6 * time.Second
	pingTimeout = 800 * time.Millisecond
)

// provider speaks the internal API of the providers. All of its calls may be
// repeated, so one that gets no answer goes to the next zone.
type provider struct {
	nodes *wire.Nodes
}

func newProvider(urls []string, config *tls.Config) *provider {
	every := func(int) bool { return true }
	return &provider{nodes: wire.NewNodes(urls, config, attemptTimeout, every)}
}

// browser is what the browser's cookies say.
type browser struct {
	binder, back string
}

// refusal is an answer of the provider that is no success.
type refusal struct {
	login.Problem
	status int
}

func (r *refusal) Error() string { return "provider answered " + r.Problem.Error }

func (p *provider) view(ctx context.Context, tx string, from browser) (*login.View, error) {
	view := &login.View{}
	err := p.call(ctx, http.MethodGet, tx, "", from, nil, view)
	return view, err
}

func (p *provider) login(ctx context.Context, tx string, from browser, individualID, pin string) (*login.Next, error) {
	next := &login.Next{}
	input := map[string]string{"individual_id": individualID, "pin": pin}
	err := p.call(ctx, http.MethodPost, tx, "/login", from, input, next)
	return next, err
}

func (p *provider) consent(ctx context.Context, tx string, from browser, decision string, claims []string) (*login.Next, error) {
	next := &login.Next{}
	input := map[string]any{"decision": decision, "claims": claims}
	err := p.call(ctx, http.MethodPost, tx, "/consent", from, input, next)
	return next, err
}

func (p *provider) call(ctx context.Context, method, tx, step string, from browser, input, output any) error {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	var body []byte
	if input != nil {
		var err error
		body, err = json.Marshal(input)
		if err != nil {
			return fmt.Errorf("encode step: %w", err)
		}
	}
	reply, err := p.nodes.Do(ctx, wire.Request{
		Method: method, Path: "/login-transactions/" + url.PathEscape(tx) + step, Body: body,
		Header: http.Header{login.BinderHeader: {from.binder}, login.BackHeader: {from.back}},
	})
	if err != nil {
		return fmt.Errorf("call provider: %w", err)
	}
	if reply.Status == http.StatusOK {
		if err := json.Unmarshal(reply.Body, output); err != nil {
			return fmt.Errorf("read answer of %s: %w", reply.Node, err)
		}
		return nil
	}
	problem := &refusal{status: reply.Status}
	if err := json.Unmarshal(reply.Body, &problem.Problem); err != nil {
		return fmt.Errorf("provider %s answered %d without a reason: %w", reply.Node, reply.Status, err)
	}
	return problem
}

// answering counts the providers that answer.
func (p *provider) answering(ctx context.Context) (int, error) {
	var count atomic.Int64
	var group sync.WaitGroup
	for _, node := range p.nodes.URLs() {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, pingTimeout)
			defer cancel()
			reply, err := p.nodes.DoAt(ctx, node, wire.Request{Method: http.MethodGet, Path: "/ping"})
			if err == nil && reply.Status == http.StatusNoContent {
				count.Add(1)
			}
		})
	}
	group.Wait()
	if count.Load() == 0 {
		return 0, fmt.Errorf("none of %d providers answers", len(p.nodes.URLs()))
	}
	return int(count.Load()), nil
}
