package ui

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"tocsin/system/internal/wire"
)

const (
	// attemptTimeout bounds one try at one provider, so it is what the loss of
	// its zone costs a user whose step was under way. A provider that is well
	// answers in milliseconds.
	attemptTimeout = 1200 * time.Millisecond
	// stepTimeout bounds one step with going on to the other zones.
	stepTimeout = 3500 * time.Millisecond
	pingTimeout = 800 * time.Millisecond
)

// provider speaks the internal API of the providers. All of its calls may be
// repeated, so a step goes on to the next zone when one does not answer, or
// answers that it cannot: what is broken there may be whole elsewhere.
type provider struct {
	nodes *wire.Nodes
}

func newProvider(urls []string, config *tls.Config) *provider {
	verdict := func(status int) bool { return status < http.StatusInternalServerError }
	return &provider{nodes: wire.NewNodes(urls, config, attemptTimeout, verdict)}
}

// refusal is an answer of the provider that is no success.
type refusal struct {
	Problem
}

func (r *refusal) Error() string { return "provider answered " + r.Problem.Error }

func (p *provider) view(ctx context.Context, state string) (*View, error) {
	view := &View{}
	err := p.call(ctx, "/login/view", input{State: state}, view)
	return view, err
}

func (p *provider) pin(ctx context.Context, state, individualID, pin string) (*Next, error) {
	next := &Next{}
	err := p.call(ctx, "/login/pin", input{State: state, IndividualID: individualID, PIN: pin}, next)
	return next, err
}

func (p *provider) sendOTP(ctx context.Context, state, individualID string) (*Delivery, error) {
	delivery := &Delivery{}
	err := p.call(ctx, "/login/otp/send", input{State: state, IndividualID: individualID}, delivery)
	return delivery, err
}

func (p *provider) otp(ctx context.Context, state, individualID, otp string) (*Next, error) {
	next := &Next{}
	err := p.call(ctx, "/login/otp", input{State: state, IndividualID: individualID, OTP: otp}, next)
	return next, err
}

func (p *provider) beginWallet(ctx context.Context, state string) (*Link, error) {
	link := &Link{}
	err := p.call(ctx, "/login/wallet/begin", input{State: state}, link)
	return link, err
}

func (p *provider) walletStatus(ctx context.Context, state, linkCode string) (*Next, error) {
	next := &Next{}
	err := p.call(ctx, "/login/wallet/status", input{State: state, LinkCode: linkCode}, next)
	return next, err
}

func (p *provider) walletView(ctx context.Context, linkCode string) (*View, error) {
	view := &View{}
	err := p.call(ctx, "/login/wallet/view", input{LinkCode: linkCode}, view)
	return view, err
}

func (p *provider) approve(ctx context.Context, linkCode, individualID, pin string) error {
	return p.call(ctx, "/login/wallet/approve", input{LinkCode: linkCode, IndividualID: individualID, PIN: pin}, nil)
}

func (p *provider) consent(ctx context.Context, state, decision string, claims []string) (*Next, error) {
	next := &Next{}
	err := p.call(ctx, "/login/consent", input{State: state, Decision: decision, Claims: claims}, next)
	return next, err
}

func (p *provider) viewLogout(ctx context.Context, request, session string) (*View, error) {
	view := &View{}
	err := p.call(ctx, "/logout/view", input{Request: request, Session: session}, view)
	return view, err
}

func (p *provider) logOut(ctx context.Context, request, session string) (*Next, error) {
	next := &Next{}
	err := p.call(ctx, "/logout/confirm", input{Request: request, Session: session}, next)
	return next, err
}

// call makes one step. An answer without content fits any output.
func (p *provider) call(ctx context.Context, path string, in input, output any) error {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode step: %w", err)
	}
	reply, err := p.nodes.Do(ctx, wire.Request{
		Method: http.MethodPost, Path: path, Body: body, Header: http.Header{"Content-Type": {"application/json"}},
	})
	if err != nil {
		return fmt.Errorf("call provider: %w", err)
	}
	switch reply.Status {
	case http.StatusNoContent:
		return nil
	case http.StatusOK:
		if err := json.Unmarshal(reply.Body, output); err != nil {
			return fmt.Errorf("read answer of %s: %w", reply.Node, err)
		}
		return nil
	}
	problem := &refusal{}
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
