package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// ErrNoLab means that nobody answers the control socket.
var ErrNoLab = errors.New("no lab is running")

// Client speaks to a running lab.
type Client struct{ http *http.Client }

// Dial makes a client for the socket. It does not connect yet.
func Dial(socket string) *Client {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "unix", socket)
		},
		DisableKeepAlives: true,
	}
	return &Client{http: &http.Client{Transport: transport, Timeout: time.Minute}}
}

// Status asks for the lab's state.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return call[Status](ctx, c, http.MethodGet, "/v1/status", nil)
}

// Inject puts a fault in force.
func (c *Client) Inject(ctx context.Context, ask FaultRequest) (Fault, error) {
	return call[Fault](ctx, c, http.MethodPost, "/v1/faults", ask)
}

// Revert ends a fault.
func (c *Client) Revert(ctx context.Context, id string) (Fault, error) {
	return call[Fault](ctx, c, http.MethodDelete, "/v1/faults/"+id, nil)
}

// Faults lists every fault since the lab came up.
func (c *Client) Faults(ctx context.Context) ([]Fault, error) {
	return call[[]Fault](ctx, c, http.MethodGet, "/v1/faults", nil)
}

// Sabotages lists what can be sabotaged.
func (c *Client) Sabotages(ctx context.Context) ([]Sabotage, error) {
	return call[[]Sabotage](ctx, c, http.MethodGet, "/v1/sabotages", nil)
}

// Sabotage applies one, or reverts it.
func (c *Client) Sabotage(ctx context.Context, name string, apply bool) ([]Sabotage, error) {
	method := http.MethodDelete
	if apply {
		method = http.MethodPost
	}
	return call[[]Sabotage](ctx, c, method, "/v1/sabotages/"+name, nil)
}

// Shutdown asks the lab to end.
func (c *Client) Shutdown(ctx context.Context) error {
	_, err := call[struct{}](ctx, c, http.MethodPost, "/v1/shutdown", nil)
	return err
}

func call[T any](ctx context.Context, c *Client, method, path string, send any) (answer T, err error) {
	var body io.Reader
	if send != nil {
		text, err := json.Marshal(send)
		if err != nil {
			return answer, fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://lab"+path, body)
	if err != nil {
		return answer, fmt.Errorf("make request: %w", err)
	}
	response, err := c.http.Do(request)
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) {
		return answer, ErrNoLab
	}
	if err != nil {
		return answer, fmt.Errorf("ask the lab: %w", err)
	}
	text, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return answer, fmt.Errorf("read the lab's answer: %w", err)
	}
	if response.StatusCode/100 != 2 {
		var refused problem
		if err := json.Unmarshal(text, &refused); err != nil || refused.Error == "" {
			return answer, fmt.Errorf("the lab answers %s", response.Status)
		}
		return answer, errors.New(refused.Error)
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return answer, fmt.Errorf("read the lab's answer: %w", err)
	}
	return answer, nil
}
