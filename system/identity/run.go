package identity

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/system/identity/authorize"
	"tocsin/system/identity/bearer"
	"tocsin/system/identity/clientauth"
	"tocsin/system/identity/clients"
	"tocsin/system/identity/discovery"
	"tocsin/system/identity/grantquery"
	"tocsin/system/identity/jws"
	"tocsin/system/identity/keyset"
	"tocsin/system/identity/login"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/person"
	"tocsin/system/identity/secret"
	"tocsin/system/identity/token"
	"tocsin/system/identity/userinfo"
	"tocsin/system/internal/ops"
	"tocsin/system/internal/trace"
	"tocsin/system/internal/wire"
	"tocsin/system/ui/page"
)

// Run serves the provider that config describes until ctx ends. It logs
// JSON lines to out.
func Run(ctx context.Context, config *Config, out io.Writer) (err error) {
	log := trace.NewLogger(out, "identity", config.Zone)
	server, err := config.TLS.Server()
	if err != nil {
		return err
	}
	secrets, err := secret.Load(string(config.Secrets.Pepper))
	if err != nil {
		return err
	}
	stores, err := openStores(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stores.close()) }()
	keys := keyset.New(stores.hsm, stores.db, log)
	registry := ops.NewRegistry()
	board := ops.NewBoard("identity", log, registry, stores.checks(keys)...)
	p := &provider{
		config: config, log: log, stores: stores, secrets: secrets, keys: keys, registry: registry,
		clients: clients.NewCache(stores.db, time.Now),
		persons: person.NewDirectory(stores.db, secrets),
		logins:  login.NewLogins("identity", registry),
	}
	public, err := p.public()
	if err != nil {
		return err
	}

	var background sync.WaitGroup
	defer background.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop() // also when a listener cannot be had, and nobody ends ctx
	background.Go(func() { keys.Run(ctx) })
	background.Go(func() { board.Run(ctx) })
	return wire.Serve(ctx, log, board.Drain,
		wire.Server{Name: "public", Address: config.Public.Listen, TLS: server, Handler: wire.OnlyFrom(config.Public.Callers, public)},
		wire.Server{Name: "internal", Address: config.Internal.Listen, TLS: server, Handler: wire.OnlyFrom(config.Internal.Callers, p.internal())},
		wire.Server{Name: "ops", Address: config.Ops.Listen, TLS: server, Handler: wire.OnlyFrom(config.Ops.Callers, board.Handler(rules(keys), registry))},
	)
}

// provider is what the endpoints are made of.
type provider struct {
	config   *Config
	log      *slog.Logger
	stores   *stores
	secrets  *secret.Keys
	keys     *keyset.Set
	registry *prometheus.Registry
	clients  *clients.Cache
	persons  *person.Directory
	logins   *login.Logins
	requests *ops.Requests
}

// public returns the endpoints for browsers and clients.
func (p *provider) public() (http.Handler, error) {
	p.requests = ops.NewRequests("identity", p.log, p.registry)
	authorization, err := p.authorize()
	if err != nil {
		return nil, err
	}
	metadata, err := discovery.Metadata(p.config.Issuer, page.Languages(), p.log)
	if err != nil {
		return nil, err
	}
	guard := &bearer.Guard{Verifier: jws.NewVerifier(p.keys), Issuer: p.config.Issuer, Now: time.Now}
	info := &userinfo.Endpoint{Guard: guard, Persons: p.stores.db, Log: p.log}
	mux := http.NewServeMux()
	for _, route := range []struct {
		pattern, endpoint string
		handler           http.Handler
	}{
		{"GET /.well-known/openid-configuration", "discovery", metadata},
		{"GET /.well-known/oauth-authorization-server", "discovery", metadata},
		{"GET /jwks.json", "jwks", discovery.JWKS(p.keys, p.log)},
		{"GET /authorize", "authorize", authorization},
		{"POST /authorize", "authorize", authorization},
		{"POST /token", "token", p.token()},
		{"GET /userinfo", "userinfo", info},
		{"POST /userinfo", "userinfo", info},
		{"GET /grants/{grant_id}", "grants", &grantquery.Endpoint{Guard: guard, Grants: p.stores.db, Log: p.log}},
		{"/", "other", http.HandlerFunc(p.notFound)},
	} {
		mux.Handle(route.pattern, p.requests.Measure(route.endpoint, route.handler))
	}
	return mux, nil
}

func (p *provider) authorize() (http.Handler, error) {
	texts, err := page.NewTexts("", p.log)
	if err != nil {
		return nil, err
	}
	pages, err := page.NewSet(p.config.UIPath, texts, p.log)
	if err != nil {
		return nil, err
	}
	return &authorize.Endpoint{
		Clients: p.clients, Transactions: p.stores.redis, Keys: p.secrets, Pages: pages, Issuer: p.config.Issuer,
		LoginPath: p.config.UIPath + "/login", Life: p.config.Lifetimes.Transaction.Std(), Log: p.log,
	}, nil
}

func (p *provider) token() http.Handler {
	issuer := &token.Issuer{
		Signer: jws.NewSigner(p.stores.hsm, p.keys), URL: p.config.Issuer, Now: time.Now,
		AccessLife: p.config.Lifetimes.AccessToken.Std(), IDLife: p.config.Lifetimes.IDToken.Std(),
	}
	audiences := []string{p.config.Issuer, p.config.Issuer + "/token"}
	return &token.Endpoint{
		Auth: clientauth.New(p.clients, p.stores.redis, audiences, time.Now),
		Grants: map[string]token.Grant{
			"authorization_code": &token.AuthorizationCode{Codes: p.stores.codes, Issuer: issuer, Log: p.log},
			"client_credentials": &token.ClientCredentials{Issuer: issuer},
		},
		Logins: p.logins, Log: p.log,
	}
}

// internal returns the login steps for the UI component.
func (p *provider) internal() http.Handler {
	steps := login.Handler(&login.Service{
		Transactions: p.stores.redis, Clients: p.clients, Persons: p.persons, Grants: p.stores.db, Codes: p.stores.codes,
		Keys: p.secrets, Issuer: p.config.Issuer, Life: p.config.Lifetimes.Transaction.Std(),
		CodeLife: p.config.Lifetimes.Code.Std(), Now: time.Now, Log: p.log,
	}, p.logins)
	mux := http.NewServeMux()
	mux.Handle("/login-transactions/", p.requests.Measure("login-steps", steps))
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return mux
}

func (p *provider) notFound(w http.ResponseWriter, r *http.Request) {
	oautherr.WriteJSON(w, r, p.log, oautherr.New(oautherr.NotFound, "there is no such endpoint"))
}
