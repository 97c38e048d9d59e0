package install

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	callTimeout = 10 * time.Second
	maxAnswer   = 16 << 20
)

// ErrRefused is wrapped when the server answered and did not accept what it was
// given. Without it, the server could not be asked.
var ErrRefused = errors.New("refused")

// server is a Prometheus or an Alertmanager.
type server struct {
	name   string
	url    string
	client *http.Client
}

// reload makes the server read its files again. It returns once the server
// has, and its reason if it would not.
func (s server) reload(ctx context.Context) error {
	_, err := s.call(ctx, http.MethodPost, "/-/reload")
	if err != nil {
		return fmt.Errorf("reload %s: %w", s.name, err)
	}
	return nil
}

// get asks for path and decodes the JSON of the answer.
func (s server) get(ctx context.Context, path string, into any) error {
	body, err := s.call(ctx, http.MethodGet, path)
	if err != nil {
		return fmt.Errorf("ask %s: %w", s.name, err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("ask %s: answer of %s: %w", s.name, path, err)
	}
	return nil
}

func (s server) call(ctx context.Context, method, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(s.url, "/")+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	switch {
	case response.StatusCode == http.StatusOK:
		return body, nil
	case response.StatusCode == http.StatusForbidden && path == "/-/reload":
		return nil, fmt.Errorf("%s %s: %w: start it with --web.enable-lifecycle", method, path, ErrRefused)
	case response.StatusCode >= http.StatusBadGateway:
		return nil, fmt.Errorf("%s %s: %s", method, path, response.Status)
	default:
		return nil, fmt.Errorf("%s %s: %w: %s: %s", method, path, ErrRefused, response.Status, firstLine(body))
	}
}

func firstLine(body []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	return line
}
