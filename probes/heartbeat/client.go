package heartbeat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client reports to a Tocsin, for a job.
type Client struct {
	// Server is the address of tocsin serve.
	Server string
	Token  string
	HTTP   *http.Client
	// Retry is how long a report is tried again that nobody took.
	Retry time.Duration
}

// ErrRefused means that Tocsin answered and does not want the report: trying
// again would change nothing.
var ErrRefused = errors.New("the report is refused")

// Send reports, and tries again while Tocsin is away: it may be starting anew.
func (c Client) Send(ctx context.Context, name string, said Said) (Standing, error) {
	body, err := json.Marshal(said)
	if err != nil {
		return Standing{}, fmt.Errorf("encode report: %w", err)
	}
	deadline := time.Now().Add(c.Retry)
	for pause := 250 * time.Millisecond; ; pause = min(2*pause, 10*time.Second) {
		standing, err := c.post(ctx, name, body)
		if err == nil || errors.Is(err, ErrRefused) || ctx.Err() != nil || time.Now().Add(pause).After(deadline) {
			return standing, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (c Client) post(ctx context.Context, name string, body []byte) (Standing, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address(Path+url.PathEscape(name)), bytes.NewReader(body))
	if err != nil {
		return Standing{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	request.Header.Set("Authorization", "Bearer "+c.Token)
	request.Header.Set("Content-Type", "application/json")
	var standing Standing
	err = c.do(request, &standing)
	return standing, err
}

// List asks how all heartbeats stand.
func (c Client) List(ctx context.Context) ([]Summary, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address(ListPath), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	var all []Summary
	err = c.do(request, &all)
	return all, err
}

func (c Client) address(path string) string { return strings.TrimSuffix(c.Server, "/") + path }

func (c Client) do(request *http.Request, into any) (err error) {
	response, err := c.HTTP.Do(request)
	if err != nil {
		return fmt.Errorf("tocsin does not answer: %w", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
	if err != nil {
		return fmt.Errorf("read the answer of tocsin: %w", err)
	}
	switch {
	case response.StatusCode == http.StatusOK:
		if err := json.Unmarshal(answer, into); err != nil {
			return fmt.Errorf("%w: %s answers, but it is no tocsin serve", ErrRefused, request.URL.Host)
		}
		return nil
	case response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests:
		return fmt.Errorf("tocsin answers %s: %s", response.Status, clean(string(answer)))
	default:
		return fmt.Errorf("%w: %s: %s", ErrRefused, response.Status, clean(string(answer)))
	}
}
