package identity

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/system/authenticator/host"
	"tocsin/system/hsm/protocol"
	"tocsin/system/identity/attempts"
	"tocsin/system/identity/bearer"
	"tocsin/system/identity/clientauth"
	"tocsin/system/identity/clients"
	"tocsin/system/identity/code"
	"tocsin/system/identity/dpop"
	"tocsin/system/identity/jws"
	"tocsin/system/identity/keyset"
	"tocsin/system/identity/login"
	"tocsin/system/identity/policy"
	"tocsin/system/identity/secret"
	"tocsin/system/identity/session"
	"tocsin/system/identity/token"
	"tocsin/system/identity/transaction"
	"tocsin/system/identity/vci"
	"tocsin/system/internal/ops"
	"tocsin/system/page"
)

// provider is what the endpoints are made of.
type provider struct {
	config   *Config
	log      *slog.Logger
	secrets  *secret.Keys
	stores   *stores
	people   *host.Host
	registry *prometheus.Registry
	requests *ops.Requests
	logins   *login.Logins
	judge    policy.Judge
	pages    *page.Set

	clients  *clients.Cache
	keys     *keyset.Set
	keeper   *keyset.Keeper
	signer   *jws.Signer
	verifier *jws.Verifier

	auth         *clientauth.Authenticator
	proofs       *dpop.Checker
	ledger       *token.Ledger
	guard        *bearer.Guard
	tokens       *token.Issuer
	refresh      *token.RefreshSealer
	codes        *code.Sealer
	sessions     *session.Sealer
	transactions *transaction.Sealer
	credentials  *vci.Provider
	steps        *login.Service
}

func newProvider(config *Config, secrets *secret.Keys, stores *stores, people *host.Host, registry *prometheus.Registry, log *slog.Logger) (*provider, error) {
	p := &provider{
		config: config, log: log, secrets: secrets, stores: stores, people: people, registry: registry,
		requests: ops.NewRequests("identity", log, registry),
		logins:   login.NewLogins("identity", registry),
		judge:    policy.Judge{Observer: policy.NewRecorder("identity", registry, log)},
		clients:  clients.NewCache(stores.db, time.Now, log),
		ledger:   &token.Ledger{Marks: stores.spent, Log: log},
	}
	p.auth = clientauth.New(p.clients, config.Issuer, time.Now)
	for _, step := range []func() error{p.makePages, p.makeKeys, p.makeSealers, p.makeTokens, p.makeCredentials} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	p.steps = &login.Service{
		Clients: p.clients, Authenticator: people, Grants: stores.db, Marks: stores.spent,
		Attempts: attempts.New(stores.redis, p.judge, time.Now), Codes: p.codes, Keys: secrets,
		Credentials: p.credentials.Set, Judge: p.judge, Issuer: config.Issuer,
		Life: config.Lifetimes.Transaction.Std(), CodeLife: config.Lifetimes.Code.Std(), SessionLife: config.Lifetimes.Session.Std(),
		Now: time.Now, Log: log,
	}
	if err := registry.Register(newViews(p)); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return p, nil
}

func (p *provider) makePages() error {
	texts, err := page.NewTexts(string(p.config.Texts), p.log)
	if err != nil {
		return err
	}
	p.pages, err = page.NewSet(p.config.UIPath, texts, p.log)
	return err
}

// newKeySet returns a key set as all processes of the issuer need it.
func newKeySet(config *Config) (*keyset.Set, error) {
	var approved protocol.Approved
	if file := config.HSM.Approved; file != "" {
		var err error
		if approved, err = protocol.LoadApproved(string(file)); err != nil {
			return nil, err
		}
	}
	return keyset.NewSet(keyset.Config{
		Issuer: config.Issuer, Country: config.Credentials.Country, Organization: config.Credentials.Organization,
		TokenPeriod: config.Keys.Rotate.Std(), CredentialLife: 365 * 24 * time.Hour, Approved: approved,
	})
}

func (p *provider) makeKeys() (err error) {
	if p.keys, err = newKeySet(p.config); err != nil {
		return err
	}
	p.keeper = keyset.NewKeeper(p.keys, p.stores.ring, p.stores.hsm, p.log)
	p.signer, p.verifier = jws.NewSigner(p.stores.hsm, p.keys), jws.NewVerifier(p.keys)
	return nil
}

func (p *provider) makeSealers() (err error) {
	if p.codes, err = code.NewSealer(p.secrets, time.Now); err != nil {
		return err
	}
	if p.sessions, err = session.NewSealer(p.secrets); err != nil {
		return err
	}
	if p.transactions, err = transaction.NewSealer(p.secrets, time.Now); err != nil {
		return err
	}
	p.refresh, err = token.NewRefreshSealer(p.secrets, time.Now)
	return err
}

func (p *provider) makeTokens() error {
	persons, err := token.NewPersons(p.secrets)
	if err != nil {
		return err
	}
	p.tokens = &token.Issuer{
		Signer: p.signer, Subjects: p.secrets, Persons: persons, URL: p.config.Issuer,
		AccessLife: p.config.Lifetimes.AccessToken.Std(), IDLife: p.config.Lifetimes.IDToken.Std(), Now: time.Now,
	}
	p.proofs, err = dpop.New(dpop.Config{
		Issuer: p.config.Issuer, Nonces: p.secrets.Challenge("dpop", time.Now), RequireNonce: p.config.DPoP.RequireNonce, Now: time.Now,
	})
	if err != nil {
		return err
	}
	p.guard = &bearer.Guard{
		Verifier: p.verifier, Proofs: p.proofs, Ledger: p.ledger, Revocations: p.stores.revocations,
		Issuer: p.config.Issuer, Now: time.Now,
	}
	return nil
}

// background is what runs as long as the provider does.
func (p *provider) background() []func(context.Context) {
	return []func(context.Context){p.keeper.Run, p.clients.Run, p.stores.revocations.Run, p.credentials.Run}
}

// handlers returns what browsers and clients reach, and what the pages drive.
func (p *provider) handlers() (public, internal http.Handler, err error) {
	front, err := p.front()
	if err != nil {
		return nil, nil, err
	}
	oauth, err := p.oauth()
	if err != nil {
		return nil, nil, err
	}
	legacy, err := p.esignet(front, oauth)
	if err != nil {
		return nil, nil, err
	}
	issuer, err := p.credentialRoutes()
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	for _, routes := range [][]route{front.routes, oauth.routes, issuer, legacy} {
		for _, r := range routes {
			mux.Handle(r.pattern, p.requests.Measure(r.endpoint, r.handler))
		}
	}
	mux.Handle("/", p.requests.Measure("other", http.HandlerFunc(p.notFound)))
	return mux, p.internal(front), nil
}

// route is one path and the name that metrics count it under.
type route struct {
	pattern, endpoint string
	handler           http.Handler
}
