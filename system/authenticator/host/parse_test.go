package host

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/system/authenticator"
	"tocsin/system/authenticator/rpc"
)

func TestParseBelievesOnlyWholeVerdicts(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		body   string
		want   error
	}{
		{"status and name agree", 422, `{"error":"mismatch"}`, authenticator.ErrMismatch},
		{"a name with the status of another", 404, `{"error":"mismatch"}`, nil},
		{"a name with the status of an outage", 503, `{"error":"mismatch"}`, nil},
		{"a status without a name", 422, `{}`, nil},
		{"a page of a proxy", 404, `<html>`, nil},
		{"a success that is none", 200, `<html>`, nil},
		{"a redirect", 302, ``, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var answer rpc.Person
			err := parse(test.status, []byte(test.body), &answer)
			if err == nil {
				t.Fatal("taken for a success")
			}
			for _, verdict := range []error{authenticator.ErrMismatch, authenticator.ErrUnknown, authenticator.ErrUnsupported} {
				if errors.Is(err, verdict) && !errors.Is(test.want, verdict) {
					t.Errorf("taken for a verdict: %v", err)
				}
			}
			if test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// speaking listens as a plug-in that answers each connection with text.
func speaking(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				if _, err := connection.Read(make([]byte, 4096)); err != nil {
					return
				}
				if _, err := connection.Write([]byte(text)); err != nil {
					return
				}
			}()
		}
	}()
	return path
}

func TestLinks(t *testing.T) {
	good := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
	for _, test := range []struct {
		name, text string
		broken     bool
		answer     string
	}{
		{"an answer of known size", good, false, "{}"},
		{"an answer in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", false, "{}"},
		{"an answer that ends with its connection", "HTTP/1.0 200 OK\r\n\r\n{}", false, "{}"},
		{"an answer of another request behind it", good + good, false, "{}"},
		{"half an answer", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}", true, ""},
		{"no HTTP", "hello\r\n", true, ""},
		{"nothing", "", true, ""},
		{"headers without end", "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 300_000), true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			pool := newLinks(speaking(t, test.text), 2)
			defer pool.close()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			for range 2 { // the second over a connection that is closed by then
				_, answer, err := pool.do(ctx, "GET", "/", nil)
				var broken *brokenError
				if errors.As(err, &broken) != test.broken {
					t.Fatalf("error %v", err)
				}
				if string(answer) != test.answer {
					t.Errorf("answer %q", answer)
				}
			}
		})
	}
}

func TestCallsBeyondTheBoundWaitAndEnd(t *testing.T) {
	pool := newLinks(speaking(t, ""), 1)
	pool.slots <- struct{}{} // somebody else's call
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := pool.do(ctx, "GET", "/", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(200, []byte(`{"person":"x"}`))
	f.Add(422, []byte(`{"error":"mismatch"}`))
	f.Add(404, []byte(`{"error":null}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		var answer rpc.Person
		err := parse(status, body, &answer)
		if status/100 != 2 && err == nil {
			t.Errorf("status %d is a success", status)
		}
		if errors.Is(err, authenticator.ErrMismatch) && status != 422 {
			t.Errorf("status %d is a mismatch", status)
		}
	})
}
