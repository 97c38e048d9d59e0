package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"tocsin/chaos"
)

// maxBody bounds what is read of one answer, in bytes.
const maxBody = 1 << 20

// Injector speaks to one lab.
type Injector struct {
	client *http.Client
}

// New returns an injector for the lab that listens on the unix socket at path.
func New(path string) *Injector {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "unix", path)
	}
	// No connection is kept: requests are minutes apart, and the lab may have
	// been started anew between them.
	return &Injector{client: &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

type request struct {
	Kind      chaos.Kind `json:"kind"`
	Zone      string     `json:"zone,omitempty"`
	Component string     `json:"component,omitempty"`
	Lease     string     `json:"lease"`
	Holder    string     `json:"holder"`
}

type answer struct {
	ID        string      `json:"id"`
	Kind      chaos.Kind  `json:"kind"`
	Zone      string      `json:"zone"`
	Component string      `json:"component"`
	State     chaos.State `json:"state"`
	Targets   []string    `json:"targets"`
	Injected  time.Time   `json:"injected"`
	Expires   time.Time   `json:"expires"`
	Reverted  *time.Time  `json:"reverted"`
	EndedBy   string      `json:"ended_by"`
}

func (a answer) injection() chaos.Injection {
	return chaos.Injection{
		ID: a.ID, Fault: chaos.Fault{Kind: a.Kind, Zone: a.Zone, Component: a.Component},
		State: a.State, Targets: a.Targets, Injected: a.Injected, Expires: a.Expires,
		Reverted: a.Reverted, EndedBy: a.EndedBy,
	}
}

// Inject implements chaos.Injector. A lab that claims success without naming a
// target, or without the fault in force, is an error: nothing would be tested.
func (i *Injector) Inject(ctx context.Context, fault chaos.Fault, lease time.Duration, holder string) (chaos.Injection, error) {
	asked := time.Now()
	body := request{Kind: fault.Kind, Zone: fault.Zone, Component: fault.Component, Lease: lease.String(), Holder: holder}
	var got answer
	if err := i.call(ctx, http.MethodPost, "/v1/faults", body, &got); err != nil {
		return chaos.Injection{}, fmt.Errorf("inject %s: %w", fault, err)
	}
	injection := got.injection()
	injection.Took = time.Since(asked)
	if injection.ID == "" || injection.State != chaos.InForce || len(injection.Targets) == 0 {
		return injection, fmt.Errorf("inject %s: the lab answers state %q with %d targets, so nothing is in force",
			fault, injection.State, len(injection.Targets))
	}
	return injection, nil
}

// Renew implements chaos.Injector.
func (i *Injector) Renew(ctx context.Context, id string, ttl time.Duration) error {
	body := struct {
		Lease string `json:"lease"`
	}{ttl.String()}
	var got answer
	if err := i.call(ctx, http.MethodPost, "/v1/faults/"+url.PathEscape(id)+"/renew", body, &got); err != nil {
		return fmt.Errorf("renew lease of fault %s: %w", id, err)
	}
	if got.State == chaos.Reverted {
		return fmt.Errorf("renew lease of fault %s: it was already reverted by %s", id, got.EndedBy)
	}
	return nil
}

// Status implements chaos.Injector.
func (i *Injector) Status(ctx context.Context, id string) (chaos.Injection, error) {
	var got answer
	if err := i.call(ctx, http.MethodGet, "/v1/faults/"+url.PathEscape(id), nil, &got); err != nil {
		return chaos.Injection{}, fmt.Errorf("ask for fault %s: %w", id, err)
	}
	return got.injection(), nil
}

// Revert implements chaos.Injector.
func (i *Injector) Revert(ctx context.Context, id string) (chaos.Injection, error) {
	var got answer
	if err := i.call(ctx, http.MethodDelete, "/v1/faults/"+url.PathEscape(id), nil, &got); err != nil {
		return chaos.Injection{}, fmt.Errorf("revert fault %s: %w", id, err)
	}
	if got.State != chaos.Reverted {
		return got.injection(), fmt.Errorf("revert fault %s: the lab answers state %q", id, got.State)
	}
	return got.injection(), nil
}

func (i *Injector) call(ctx context.Context, method, path string, body, into any) (err error) {
	var payload io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		payload = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://lab"+path, payload)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := i.client.Do(request)
	if err != nil {
		return fmt.Errorf("lab does not answer (is it up? see: lab status): %w", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return fmt.Errorf("read answer of the lab: %w", err)
	}
	if response.StatusCode/100 != 2 {
		return refusal(response.StatusCode, data)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("read answer of the lab: %w", err)
	}
	return nil
}

func refusal(status int, data []byte) error {
	var body struct {
		Error string `json:"error"`
	}
	text := http.StatusText(status)
	if json.Unmarshal(data, &body) == nil && body.Error != "" {
		text = body.Error
	}
	switch status {
	case http.StatusConflict:
		return fmt.Errorf("%w: %s", chaos.ErrHeld, text)
	case http.StatusNotFound:
		return fmt.Errorf("%w: %s", chaos.ErrNoFault, text)
	}
	return fmt.Errorf("the lab refuses with status %d: %s", status, text)
}
