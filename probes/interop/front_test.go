//go:build interop

package interop

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// meddling is what is done to one exchange.
type meddling func(w http.ResponseWriter, r *http.Request, next http.Handler)

// front stands before a provider, and breaks it where that is wanted.
type front struct {
	t      *testing.T
	server *httptest.Server
	// address is the issuer.
	address string
	// authority is the file of certificates to trust; empty without TLS.
	authority string

	mu          sync.Mutex
	meddle      meddling
	proxy       *httputil.ReverseProxy
	certificate *tls.Certificate
	good, old   *tls.Certificate
}

func newFront(t *testing.T, secure bool) *front {
	t.Helper()
	f := &front{t: t}
	f.server = httptest.NewUnstartedServer(http.HandlerFunc(f.serve))
	// A client that gives up is one of the things that are tested.
	f.server.Config.ErrorLog = nil
	if !secure {
		f.server.Start()
		f.address = f.server.URL
		t.Cleanup(f.server.Close)
		return f
	}
	f.certify()
	f.certificate = f.good
	f.server.TLS = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.certificate, nil
	}}
	f.server.StartTLS()
	f.address = "https://localhost:" + strconv.Itoa(f.server.Listener.Addr().(*net.TCPAddr).Port)
	t.Cleanup(f.server.Close)
	return f
}

// upstream says where the provider listens. It returns the way back to where it
// was before.
func (f *front) upstream(address string) (back func()) {
	next := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: address})
		r.SetXForwarded()
		r.Out.Host = r.In.Host
	}}
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.proxy
	f.proxy = next
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.proxy = before
	}
}

func (f *front) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	meddle, proxy := f.meddle, f.proxy
	f.mu.Unlock()
	if meddle != nil {
		meddle(w, r, proxy)
		return
	}
	proxy.ServeHTTP(w, r)
}

// with meddles until the test ends.
func (f *front) with(t *testing.T, meddle meddling) {
	f.set(meddle)
	t.Cleanup(func() { f.set(nil) })
}

func (f *front) set(meddle meddling) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.meddle = meddle
}

// expire shows a certificate that was good until an hour ago.
func (f *front) expire(t *testing.T) {
	show := func(certificate *tls.Certificate) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.certificate = certificate
	}
	show(f.old)
	t.Cleanup(func() { show(f.good) })
}

// certify makes an authority and two certificates of it.
func (f *front) certify() {
	f.t.Helper()
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of a test"}, NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key := f.key()
	authority := f.sign(template, template, key, key)
	parsed, err := x509.ParseCertificate(authority.Certificate[0])
	if err != nil {
		f.t.Fatal(err)
	}
	leaf := func(serial int64, from, to time.Duration) *tls.Certificate {
		leafKey := f.key()
		return f.sign(&x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
			NotBefore: now.Add(from), NotAfter: now.Add(to), KeyUsage: x509.KeyUsageDigitalSignature,
		}, parsed, leafKey, key)
	}
	f.good, f.old = leaf(2, -time.Hour, 24*time.Hour), leaf(3, -2*time.Hour, -time.Hour)
	f.authority = filepath.Join(f.t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Certificate[0]})
	if err := os.WriteFile(f.authority, text, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f *front) key() *ecdsa.PrivateKey {
	f.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	return key
}

func (f *front) sign(template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *tls.Certificate {
	f.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		f.t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// at meddles with one kind of exchange only.
func at(applies func(*http.Request) bool, meddle meddling) meddling {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if applies(r) {
			meddle(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// answer answers in the provider's place.
func answer(status int, body string) meddling {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// changed changes what the provider answers.
func changed(change func(body []byte) []byte) meddling {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		recorded := httptest.NewRecorder()
		r.Header.Del("Accept-Encoding")
		next.ServeHTTP(recorded, r)
		body := change(bytes.Clone(recorded.Body.Bytes()))
		for name, values := range recorded.Header() {
			w.Header()[name] = values
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(recorded.Code)
		_, _ = w.Write(body)
	}
}

// silent never answers, until the client gives up.
func silent(_ http.ResponseWriter, r *http.Request, _ http.Handler) { <-r.Context().Done() }

// truncated sends half of what it has announced, and cuts the connection.
func truncated(w http.ResponseWriter, r *http.Request, next http.Handler) {
	recorded := httptest.NewRecorder()
	next.ServeHTTP(recorded, r)
	body := recorded.Body.Bytes()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body[:len(body)/2])
	panic(http.ErrAbortHandler)
}
