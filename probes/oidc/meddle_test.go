package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// meddling is what stands between the probes and the provider.
type meddling = func(w http.ResponseWriter, r *http.Request, next http.Handler)

// at meddles with one path only.
func at(path string, meddle meddling) meddling {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Path == path {
			meddle(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// answer answers in the provider's place.
func answer(path string, status int, body string, header ...string) meddling {
	return at(path, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// change replaces text in the provider's answer.
func change(path, old, replacement string) meddling {
	return at(path, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		recorded := httptest.NewRecorder()
		next.ServeHTTP(recorded, r)
		maps.Copy(w.Header(), recorded.Header())
		for name, values := range w.Header() {
			for i, value := range values {
				w.Header()[name][i] = strings.ReplaceAll(value, old, replacement)
			}
		}
		w.WriteHeader(recorded.Code)
		_, _ = io.WriteString(w, strings.ReplaceAll(recorded.Body.String(), old, replacement))
	})
}

// then meddles from the given request on, counted from 1.
func then(from int, meddle meddling) meddling {
	seen := 0
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if seen++; seen >= from {
			meddle(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// cut ends the connection: before the answer, or in the middle of it.
func cut(path string, halfway bool) meddling {
	return at(path, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		if halfway {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"keys":[`)
		}
		panic(http.ErrAbortHandler)
	})
}

// listen serves a raw port with handle, and returns its address.
func listen(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	go func() {
		defer close(done)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			handle(connection)
			_ = connection.Close()
		}
	}()
	return listener.Addr().String()
}

// silent reads whatever comes and never answers.
func silent(connection net.Conn) { _, _ = io.Copy(io.Discard, connection) }

// plain speaks HTTP where TLS belongs.
func plain(connection net.Conn) {
	_, _ = io.WriteString(connection, "HTTP/1.0 400 Bad Request\r\n\r\n")
}

// old refuses every version of TLS that is still safe.
func old(t *testing.T, p *provider) string {
	server := httptest.NewUnstartedServer(p.handler())
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

// published is a key set of one new key with this name.
func published(t *testing.T, name string) *jose.JSONWebKeySet {
	t.Helper()
	return &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: newKey(t).Public(), KeyID: name, Algorithm: "ES256", Use: "sig"}}}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func inTwoHours() time.Time { return time.Now().Add(2 * time.Hour) }
