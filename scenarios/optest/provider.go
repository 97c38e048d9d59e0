package optest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// ClientID, PIN and First are what the provider knows.
const (
	ClientID = "tocsin-synthetic"
	PIN      = "111111"
	First    = "0002000000"
)

// Fault answers one request instead of the provider. It returns false to let
// the provider answer.
type Fault func(w http.ResponseWriter, r *http.Request) bool

// Provider is a running provider.
type Provider struct {
	*httptest.Server
	// Files for the client of the test.
	CAFile, KeyFile, SecretFile string
	RedirectURI                 string

	key *ecdsa.PrivateKey

	mu           sync.Mutex
	fault        Fault
	transactions map[string]transaction
	codes        map[string]*code
	grants       map[string]bool
	jtis         map[string]bool
	individuals  map[string]int
	doubles      bool
}

type transaction struct {
	state, nonce, challenge, redirect string
	csrf                              string
	loggedIn                          bool
}

type code struct {
	transaction
	grant    string
	redeemed bool
}

// New starts a provider that ends with the test.
func New(t testing.TB) *Provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("make key: %v", err)
	}
	p := &Provider{
		key: key, transactions: map[string]transaction{}, codes: map[string]*code{},
		grants: map[string]bool{}, jtis: map[string]bool{}, individuals: map[string]int{},
	}
	p.Server = httptest.NewTLSServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	p.RedirectURI = p.URL + "/synthetic/callback"
	folder := t.TempDir()
	jwk, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: "test", Algorithm: "ES256", Use: "sig"})
	if err != nil {
		t.Fatalf("encode key: %v", err)
	}
	p.KeyFile = write(t, folder, "client.jwk", jwk)
	p.SecretFile = write(t, folder, "pin", []byte(PIN+"\n"))
	p.CAFile = write(t, folder, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw}))
	return p
}

func write(t testing.TB, folder, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatalf("write %s: %v", name, err)
	}
	return path
}

// Break puts fault before every request; nil heals.
func (p *Provider) Break(fault Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = fault
}

// LoseGrants forgets n acknowledged consents.
func (p *Provider) LoseGrants(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.grants {
		if n == 0 {
			return
		}
		delete(p.grants, id)
		n--
	}
}

// AcceptCodesTwice breaks the promise that a code works once.
func (p *Provider) AcceptCodesTwice() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doubles = true
}

// Individuals returns how often each individual logged in.
func (p *Provider) Individuals() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := make(map[string]int, len(p.individuals))
	for id, count := range p.individuals {
		seen[id] = count
	}
	return seen
}

func (p *Provider) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	fault := p.fault
	p.mu.Unlock()
	if fault != nil && fault(w, r) {
		return
	}
	mux := map[string]http.HandlerFunc{
		"/.well-known/openid-configuration": p.discovery,
		"/authorize":                        p.authorize,
		"/ui/login":                         p.login,
		"/ui/consent":                       p.consent,
		"/token":                            p.token,
		"/userinfo":                         p.userinfo,
	}
	if handle, ok := mux[r.URL.Path]; ok {
		p.mu.Lock()
		defer p.mu.Unlock()
		handle(w, r)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.grant(w, r)
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	respond(w, http.StatusOK, map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
		"userinfo_endpoint": p.URL + "/userinfo", "grant_management_endpoint": p.URL + "/grants",
	})
}

func respond(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	data, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	if _, err := w.Write(data); err != nil {
		return
	}
}

func refuse(w http.ResponseWriter, name string) {
	respond(w, http.StatusBadRequest, map[string]string{"error": name})
}

// Know makes an acknowledged consent with a code that was redeemed.
func (p *Provider) Know(grant, spent, verifier string) {
	sum := sha256.Sum256([]byte(verifier))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.grants[grant] = true
	p.codes[spent] = &code{grant: grant, redeemed: true, transaction: transaction{challenge: base64.RawURLEncoding.EncodeToString(sum[:])}}
}
