package visual

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"tocsin/internal/target"
)

// issuer is an identity system as far as its login page: discovery, an
// authorization endpoint that redirects, and the page.
type issuer struct {
	*httptest.Server
	mu      sync.Mutex
	word    string       // in the heading of the login page
	once    string       // in the heading the next time, if not empty
	answer  http.Handler // of the authorization endpoint, when not the redirect
	queries []url.Values
	headers http.Header
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{word: "Log in"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		metadata := map[string]string{"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize?from=metadata"}
		if err := json.NewEncoder(w).Encode(metadata); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, request *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.queries, i.headers = append(i.queries, request.URL.Query()), request.Header.Clone()
		if i.answer != nil {
			i.answer.ServeHTTP(w, request)
			return
		}
		http.Redirect(w, request, "/ui/login?tx=secret", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /ui/login", func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		word := i.word
		if i.once != "" {
			word, i.once = i.once, ""
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><style>body{font:18px sans-serif;margin:40px}</style>
			<h1>%s</h1><form><label>Individual id <input autofocus></label> <button>Next</button></form>`, word)
	})
	i.Server = httptest.NewUnstartedServer(mux)
	i.Config.ErrorLog = log.New(io.Discard, "", 0)
	i.StartTLS()
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) says(word string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.word = word
}

func (i *issuer) saysOnce(word string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.once = word
}

func (i *issuer) answers(handler http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = nil
	if handler != nil {
		i.answer = handler
	}
}

// target is the issuer as a target that trusts its certificate.
func (i *issuer) target(t *testing.T) *target.Target {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate().Raw})
	if err := os.WriteFile(path, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	return &target.Target{
		Name: "test", Issuer: i.URL, TLS: target.TLS{CAFile: path},
		Client: target.Client{ID: "client", RedirectURI: i.URL + "/callback", Scopes: []string{"openid", "profile"}},
	}
}
