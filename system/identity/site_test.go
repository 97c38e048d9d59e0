package identity_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/authenticator/mockid"
	"tocsin/system/identity"
	"tocsin/system/identity/clients"
	"tocsin/system/identity/store/redis"
	"tocsin/system/identity/testrig"
	"tocsin/system/ui"
)

const (
	clientID = "tocsin-synthetic"
	pin      = "24680"
	personID = "1000000001"
)

// site is three zones on one rig, each with provider, pages and a gateway.
type site struct {
	rig       *testrig.Rig
	zones     []*zone
	issuer    string
	callback  string
	clientKey *ecdsa.PrivateKey
	stop      context.CancelFunc
	running   []chan error
	servers   []*http.Server
}

type zone struct {
	gateway  string
	provider *identity.Config
	pages    *ui.Config
}

// shared is made by TestMain, because the parts take seconds to start.
var shared *site

func TestMain(m *testing.M) {
	testrig.Plugin()
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	flag.Parse()
	redis.SilenceLibrary()
	made, err := newSite(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	shared = made
	code := m.Run()
	if err := shared.close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func newSite(parent context.Context) (*site, error) {
	rig, err := testrig.Start(parent, people())
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(parent)
	s := &site{rig: rig, stop: stop}
	s.clientKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	ports := make([]int, 3)
	for i := range ports {
		if ports[i], err = rig.Ports.Free(); err != nil {
			return nil, err
		}
	}
	s.issuer = fmt.Sprintf("https://localhost:%d", ports[0])
	s.callback = s.issuer + "/synthetic/callback"
	for i, name := range []string{"a", "b", "c"} {
		config, err := rig.Config(name, s.issuer)
		if err != nil {
			return nil, err
		}
		s.zones = append(s.zones, &zone{provider: config, gateway: fmt.Sprintf("https://localhost:%d", ports[i])})
	}
	if err := s.fill(ctx); err != nil {
		return nil, errors.Join(err, rig.Close())
	}
	for i, z := range s.zones {
		if err := s.startZone(ctx, i, z, ports[i]); err != nil {
			return nil, errors.Join(err, rig.Close())
		}
	}
	return s, s.awaitReady(ctx)
}

// fill creates the schema and seeds it, twice, as repeated deployments do.
func (s *site) fill(ctx context.Context) error {
	config := s.zones[0].provider
	for range 2 {
		if err := identity.Migrate(ctx, config, io.Discard); err != nil {
			return err
		}
	}
	content, err := json.Marshal(map[string]any{"clients": s.clients()})
	if err != nil {
		return err
	}
	file := filepath.Join(s.rig.Dir(), "seed.json")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		return err
	}
	for range 2 {
		if err := identity.Seed(ctx, config, file, io.Discard); err != nil {
			return err
		}
	}
	return nil
}

// people are those that the mock ID system knows.
func people() *mockid.File {
	return &mockid.File{
		Persons: []mockid.Person{{
			IndividualID: personID, PIN: pin, Email: "ada@example.org", Phone: "+4791000001",
			Claims: map[string]any{"name": "Ada Nord", "given_name": "Ada", "family_name": "Nord", "birthdate": "1988-03-14", "gender": "female"},
		}},
		Ranges: []mockid.Range{{First: "2000000000", Count: 20000, PIN: pin}},
	}
}

func (s *site) clients() []clients.Client {
	keys := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: s.clientKey.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}}
	credentials := []string{"national_id_sd_jwt", "national_id_jwt_vc", "national_id_mdoc", "national_id_reviewed"}
	all := []clients.Client{}
	for _, id := range []string{clientID, "other", "fapi", "sector-one", "sector-two", "other-sector", "rsa", "pss"} {
		all = append(all, clients.Client{
			ID: id, Name: "Tax Office", RedirectURIs: []string{s.callback}, PostLogoutRedirectURIs: []string{s.callback}, Keys: keys,
			Scopes:     slices.Concat([]string{"openid", "profile", "email", "offline_access", "grant_management_query", "credential_offer", "credential_revocation"}, credentials),
			GrantTypes: []string{"authorization_code", "refresh_token", "client_credentials"},
		})
	}
	fapi, pairwise, rsa, pss := &all[2], all[3:6], &all[6], &all[7]
	fapi.RequirePAR, fapi.RequireDPoP = true, true
	for i, sector := range []string{"tax.example", "tax.example", "health.example"} {
		pairwise[i].SubjectType, pairwise[i].Sector = clients.SubjectPairwise, sector
	}
	rsa.IDTokenAlg, rsa.UserinfoAlg = jose.RS256, jose.ES256
	pss.IDTokenAlg, pss.UserinfoAlg = jose.PS256, jose.PS256
	return append(all, clients.Client{
		ID: "registrar", Name: "Partner management", Keys: keys,
		Scopes: []string{"add_oidc_client", "update_oidc_client"}, GrantTypes: []string{"client_credentials"},
	}, clients.Client{
		ID: "wallet", Name: "Wallet", RedirectURIs: []string{s.callback}, Scopes: append([]string{"openid"}, credentials...),
		GrantTypes: []string{"authorization_code", "refresh_token"}, AuthMethod: clients.Public,
	})
}

func (s *site) startZone(ctx context.Context, i int, z *zone, port int) error {
	uiTLS, err := s.rig.CA.Issue("ui")
	if err != nil {
		return err
	}
	pages := &ui.Config{Version: 1, Zone: z.provider.Zone, TLS: uiTLS}
	for _, listener := range []*ui.Listener{&pages.Public, &pages.Ops} {
		free, err := s.rig.Ports.Free()
		if err != nil {
			return err
		}
		listener.Listen = fmt.Sprintf("127.0.0.1:%d", free)
	}
	for offset := range s.zones {
		other := s.zones[(i+offset)%len(s.zones)]
		pages.Identity.Nodes = append(pages.Identity.Nodes, "https://"+other.provider.Internal.Listen)
	}
	z.pages = pages
	s.run(func() error { return identity.Run(ctx, z.provider, logs()) })
	s.run(func() error { return ui.Run(ctx, pages, logs()) })
	return s.startGateway(port, "https://"+z.provider.Public.Listen, "https://"+pages.Public.Listen)
}

// logs shows what services log when the tests run verbosely.
func logs() io.Writer {
	if testing.Verbose() {
		return os.Stderr
	}
	return io.Discard
}

func (s *site) run(work func() error) {
	done := make(chan error, 1)
	s.running = append(s.running, done)
	go func() { done <- work() }()
}

// errUnconnected means that a service did not even get to see a request.
var errUnconnected = errors.New("no connection")

// startGateway forwards /ui/ to the pages and the rest to the provider. Like HAProxy
// it answers 503 where it gets no connection, and 502 where one breaks.
func (s *site) startGateway(port int, provider, pages string) error {
	files, err := s.rig.CA.Issue("gateway")
	if err != nil {
		return err
	}
	upstream, err := files.Client()
	if err != nil {
		return err
	}
	dialer := &tls.Dialer{Config: upstream}
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		connection, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errUnconnected, err)
		}
		return connection, nil
	}}
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		target := provider
		if strings.HasPrefix(r.In.URL.Path, "/ui/") {
			target = pages
		}
		parsed, err := url.Parse(target)
		if err != nil {
			panic(err)
		}
		r.SetURL(parsed)
		r.Out.Host = r.In.Host
	}, ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
		fmt.Fprintf(logs(), "gateway: %s: %v\n", r.URL.Path, err)
		if !errors.Is(err, errUnconnected) {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	}}
	server, err := files.Server()
	if err != nil {
		return err
	}
	server.ClientAuth = tls.NoClientCert
	running := &http.Server{Addr: fmt.Sprintf("127.0.0.1:%d", port), Handler: proxy, TLSConfig: server}
	s.servers = append(s.servers, running)
	go func() {
		if err := running.ListenAndServeTLS("", ""); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(os.Stderr, "gateway:", err)
		}
	}()
	return nil
}

func (s *site) awaitReady(ctx context.Context) error {
	for _, z := range s.zones {
		for _, listen := range []string{z.provider.Ops.Listen, z.pages.Ops.Listen} {
			if err := await(ctx, 20*time.Second, func() error { return s.ops(ctx, listen, "/readyz") }); err != nil {
				return err
			}
		}
	}
	return nil
}

// ops asks an operations path and fails unless it says 200.
func (s *site) ops(ctx context.Context, listen, path string) error {
	body, status, err := s.opsBody(ctx, listen, path)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s says %d: %s", path, status, body)
	}
	return err
}

func (s *site) opsBody(ctx context.Context, listen, path string) (string, int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+listen+path, nil)
	if err != nil {
		return "", 0, err
	}
	tlsConfig, err := s.zones[0].provider.TLS.Client()
	if err != nil {
		return "", 0, err
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: tlsConfig, DisableKeepAlives: true}, Timeout: 2 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return "", 0, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), response.StatusCode, err
}

func (s *site) close() error {
	s.stop()
	var problems []error
	for _, done := range s.running {
		problems = append(problems, <-done)
	}
	for _, server := range s.servers {
		problems = append(problems, server.Close())
	}
	return errors.Join(append(problems, s.rig.Close())...)
}

// await repeats condition until it holds or limit is over.
func await(ctx context.Context, limit time.Duration, condition func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := condition()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %w", limit, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// roots trusts the rig's CA.
func (s *site) roots() (*tls.Config, error) {
	text, err := os.ReadFile(filepath.Clean(s.rig.CA.File()))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return &tls.Config{RootCAs: pool}, nil
}
