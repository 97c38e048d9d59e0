//go:build interop

package conformance

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// complaisant stands between a check and the peer and turns every refusal into
// what the client wished for.
type complaisant struct {
	http.RoundTripper
	mu    sync.Mutex
	good  map[string][]byte // the last good answer of each path
	begun *url.URL          // the last authorization request
}

func (c *complaisant) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == "/auth" && r.Method == http.MethodGet {
		r = c.lenient(r)
	}
	response, err := c.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	location := response.Header.Get("Location")
	switch {
	case strings.Contains(location, "error="):
		return c.callback(response), nil
	case strings.HasPrefix(r.URL.Path, "/auth") && response.StatusCode >= 400:
		return c.callback(response), nil
	case strings.HasPrefix(r.URL.Path, "/auth") || strings.HasPrefix(r.URL.Path, "/interaction"):
		return response, nil
	default:
		return c.repeat(r, response)
	}
}

// lenient takes away what would make the provider ask again.
func (c *complaisant) lenient(r *http.Request) *http.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun = r.URL
	changed := r.Clone(r.Context())
	query := changed.URL.Query()
	if query.Get("prompt") == "login" {
		query.Del("prompt")
	}
	query.Del("max_age")
	changed.URL.RawQuery = query.Encode()
	return changed
}

// callback sends the browser back with a code.
func (c *complaisant) callback(response *http.Response) *http.Response {
	back := c.begun.Query()
	target := back.Get("redirect_uri")
	if target == "" {
		target = redirectURI + "/" + back.Get("client_id")
	}
	answer := url.Values{"code": {"a-code"}, "iss": {c.begun.Scheme + "://" + c.begun.Host}}
	if state := back.Get("state"); state != "" {
		answer.Set("state", state)
	}
	response.StatusCode = http.StatusSeeOther
	response.Header.Set("Location", target+"?"+answer.Encode())
	return response
}

// repeat answers a refusal with the last good answer, or an empty one.
func (c *complaisant) repeat(r *http.Request, response *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if err := response.Body.Close(); err != nil {
		return nil, err
	}
	switch {
	case response.StatusCode < 400:
		c.good[r.URL.Path] = body
	case bytes.Contains(body, []byte("use_dpop_nonce")):
	default:
		body = c.good[r.URL.Path]
		response.StatusCode = http.StatusOK
		response.Header.Del("WWW-Authenticate")
		if strings.HasSuffix(r.URL.Path, "/request") {
			response.StatusCode = http.StatusCreated
			body = []byte(`{"request_uri":"urn:ietf:params:oauth:request_uri:x","expires_in":60}`)
		}
	}
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return response, nil
}

// contrary refuses everything but discovery, keys and pages.
type contrary struct{ http.RoundTripper }

func (c contrary) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == "/auth" {
		r = r.Clone(r.Context())
		r.URL.RawQuery = "client_id=nobody"
	}
	response, err := c.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(r.URL.Path, "/.well-known") {
		return muddled(response)
	}
	if r.Method == http.MethodPost && !strings.HasPrefix(r.URL.Path, "/interaction") {
		response.StatusCode = http.StatusInternalServerError
	}
	return response, nil
}

// muddled spoils one member of a metadata document that checks look at.
func muddled(response *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	body = bytes.ReplaceAll(body, []byte(`"public"`), []byte(`"private"`))
	body = bytes.ReplaceAll(body, []byte(`"vct"`), []byte(`"type"`))
	response.Header.Set("Content-Type", strings.ReplaceAll(response.Header.Get("Content-Type"), "/jwt", "/text"))
	response.Body = io.NopCloser(bytes.NewReader(body))
	response.ContentLength = int64(len(body))
	return response, nil
}

// Every check fails with a provider that does the opposite of what it asks:
// those that want a refusal with one that never refuses, the rest with one that
// always does.
func TestEveryCheckCanFail(t *testing.T) {
	target := newPeer(t)
	target.hurried = true
	for _, plan := range Plans() {
		for _, module := range plan.Modules {
			if module.Check == nil {
				continue
			}
			t.Run(module.Name, func(t *testing.T) {
				against := *target
				against.between = func(wires http.RoundTripper) http.RoundTripper { return contrary{wires} }
				if module.refuses {
					against.between = func(wires http.RoundTripper) http.RoundTripper {
						return &complaisant{RoundTripper: wires, good: map[string][]byte{}}
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				err := module.perform(ctx, &against)
				if err == nil {
					t.Error("passes with a provider that does the opposite")
				}
				t.Log(err)
			})
		}
	}
}
