package vci

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tocsin/system/identity/secret"
	"tocsin/system/identity/spent"
	"tocsin/system/identity/vci/access"
	"tocsin/system/identity/vci/configuration"
	"tocsin/system/identity/vci/credential"
	"tocsin/system/identity/vci/deferred"
	"tocsin/system/identity/vci/issue"
	"tocsin/system/identity/vci/mdoc"
	"tocsin/system/identity/vci/message"
	"tocsin/system/identity/vci/metadata"
	"tocsin/system/identity/vci/nonce"
	"tocsin/system/identity/vci/notification"
	"tocsin/system/identity/vci/offer"
	"tocsin/system/identity/vci/preauth"
	"tocsin/system/identity/vci/proof"
	"tocsin/system/identity/vci/record"
	"tocsin/system/identity/vci/revocation"
	"tocsin/system/identity/vci/signing"
	"tocsin/system/identity/vci/statuslist"
)

// Config is what an operator decides.
type Config struct {
	// Issuer is the credential issuer identifier, which is that of the provider.
	Issuer string
	// Names of the issuer by language tag.
	Names map[string]string
	// Configurations are those of configuration.NationalID when nil.
	Configurations []*configuration.Configuration
	// BatchSize is configuration.DefaultBatch when 0.
	BatchSize int
	// AttestationKeys is a JWK set, and AttestationRoots PEM certificates, of
	// those whose key attestations are believed. Either may be empty.
	AttestationKeys, AttestationRoots []byte
	// StatusFolder keeps status lists over a restart; it is this process's own.
	StatusFolder string
}

// Parts are what the issuer works with.
type Parts struct {
	Secrets *secret.Keys
	Guard   access.Guard   // bearer.Guard
	Persons access.Persons // token.Persons
	People  issue.People   // authenticator.Authenticator
	Records record.Store
	Signer  signing.Signer // jws.Signer
	// Keys is keyset.Set.
	Keys interface {
		signing.Chains
		metadata.Documents
	}
	Now func() time.Time
	Log *slog.Logger
}

// Provider is a credential issuer.
type Provider struct {
	// Set is for consent pages, and for those who read scopes and
	// authorization_details.
	Set *configuration.Set
	// Offers opens issuer_state.
	Offers *offer.Sealer
	// Lists has to run (Publisher.Run).
	Lists *statuslist.Publisher

	parts    Parts
	key      *signing.Key
	gate     *access.Gate
	messages *message.Keys
	trust    *proof.Trust
	issuer   *issue.Issuer
	later    *deferred.Transactions
}

// New returns a credential issuer.
func New(config Config, parts Parts) (*Provider, error) {
	p := &Provider{parts: parts, key: signing.New(signing.Credential{Signer: parts.Signer, Chains: parts.Keys})}
	for _, step := range []func(Config) error{p.configure, p.seal, p.publish, p.make} {
		if err := step(config); err != nil {
			return nil, fmt.Errorf("set up credential issuer: %w", err)
		}
	}
	return p, nil
}

func (p *Provider) configure(config Config) (err error) {
	configurations, batch := config.Configurations, config.BatchSize
	if configurations == nil {
		configurations = configuration.NationalID(config.Issuer)
	}
	if batch == 0 {
		batch = configuration.DefaultBatch
	}
	if p.Set, err = configuration.NewSet(config.Issuer, config.Names, batch, configurations...); err != nil {
		return err
	}
	p.gate = &access.Gate{Guard: p.parts.Guard, Persons: p.parts.Persons, Set: p.Set}
	p.trust, err = proof.NewTrust(config.AttestationKeys, config.AttestationRoots)
	return err
}

// seal derives what is secret. The names are part of the keys: requests in
// flight have to open.
func (p *Provider) seal(Config) (err error) {
	secrets := p.parts.Secrets
	if p.messages, err = message.NewKeys(secrets.Secrets("vci/request encryption")...); err != nil {
		return err
	}
	if p.Offers, err = offer.NewSealer(secrets, p.parts.Now); err != nil {
		return err
	}
	p.later, err = deferred.NewTransactions(secrets, p.parts.Now)
	return err
}

func (p *Provider) publish(config Config) (err error) {
	p.Lists, err = statuslist.New(statuslist.Config{
		// Whatever is replaced, what credentials in wallets refer to stays where it is.
		Entries: statuslist.NewEntries(config.Issuer, p.parts.Secrets.Lasting("vci/status entries")),
		Records: p.parts.Records, Signer: p.key, Folder: config.StatusFolder, Now: p.parts.Now, Log: p.parts.Log,
	})
	return err
}

func (p *Provider) make(Config) error {
	maker, err := mdoc.NewMaker()
	p.issuer = &issue.Issuer{
		Set: p.Set, People: p.parts.People, Records: p.parts.Records, Signer: p.key, MDoc: maker,
		Entries: p.Lists.Entries, Now: p.parts.Now,
	}
	return err
}

// Run keeps the status lists current until ctx ends.
func (p *Provider) Run(ctx context.Context) { p.Lists.Run(ctx) }

// Register puts the endpoints into mux.
func (p *Provider) Register(mux *http.ServeMux) error {
	if err := p.registerPublic(mux); err != nil {
		return fmt.Errorf("register credential issuer: %w", err)
	}
	parts := p.parts
	checker := &proof.Checker{
		Issuer: p.Set.Issuer, BatchSize: p.Set.BatchSize, Nonces: p.nonces(), Trust: p.trust, Now: parts.Now,
	}
	mux.Handle("POST "+metadata.CredentialPath, &credential.Endpoint{
		Gate: p.gate, Messages: p.messages, Proofs: checker, Issuer: p.issuer, Transactions: p.later, Log: parts.Log,
	})
	mux.Handle("POST "+metadata.DeferredPath, &deferred.Endpoint{
		Gate: p.gate, Messages: p.messages, Transactions: p.later, Issuer: p.issuer, Records: parts.Records,
		Now: parts.Now, Log: parts.Log,
	})
	mux.Handle("POST "+metadata.NotificationPath, &notification.Endpoint{
		Gate: p.gate, Records: parts.Records, Now: parts.Now, Log: parts.Log,
	})
	mux.Handle("POST /vci/credentials/{id}/revoke", &revocation.Endpoint{
		Guard: parts.Guard, Records: parts.Records, Lists: p.Lists, Now: parts.Now, Log: parts.Log,
	})
	offers := &offer.Endpoint{
		Guard: parts.Guard, Persons: parts.Persons, People: parts.People, Set: p.Set, Sealer: p.Offers,
		Now: parts.Now, Log: parts.Log,
	}
	mux.HandleFunc("POST "+offer.Path, offers.Create)
	mux.HandleFunc("GET "+offer.Path+"/{id}", offers.Resolve)
	return nil
}

// registerPublic is what needs no access token.
func (p *Provider) registerPublic(mux *http.ServeMux) error {
	parts := p.parts
	issuer, err := metadata.NewIssuer(p.Set, p.messages, p.trust.Anybody(), p.key, parts.Now, parts.Log)
	if err != nil {
		return err
	}
	types, err := metadata.NewTypes(p.Set)
	if err != nil {
		return err
	}
	keys, err := metadata.NewKeys(p.Set.Issuer, parts.Keys, parts.Log)
	if err != nil {
		return err
	}
	mux.Handle("GET "+p.wellKnown("openid-credential-issuer"), issuer)
	mux.HandleFunc("GET "+p.wellKnown("jwt-vc-issuer"), keys.Pointer)
	mux.HandleFunc("GET "+metadata.KeysPath, keys.Set)
	mux.HandleFunc("GET "+metadata.RootsPath, keys.Roots)
	for _, path := range types.Paths() {
		mux.Handle("GET "+path, types)
	}
	mux.Handle("GET "+statuslist.Path+"{list}", p.Lists)
	mux.Handle("POST "+metadata.NoncePath, &nonce.Endpoint{Challenges: p.nonces(), DPoP: parts.Guard, Log: parts.Log})
	return nil
}

// wellKnown puts a name between the host and the path of the issuer
// (OpenID4VCI 1.0, 12.2.2; RFC 8615, 3).
func (p *Provider) wellKnown(name string) string {
	address := "/.well-known/" + name
	if parsed, err := url.Parse(p.Set.Issuer); err == nil {
		address += strings.TrimSuffix(parsed.Path, "/")
	}
	return address
}

func (p *Provider) nonces() *secret.Challenge {
	return p.parts.Secrets.Challenge("vci/c_nonce", p.parts.Now)
}

// Grant returns the pre-authorized code grant for the token endpoint.
func (p *Provider) Grant(issuer preauth.Issuer, ledger preauth.Ledger, revocations spent.Revocations, tokenLife time.Duration) *preauth.Grant {
	return &preauth.Grant{
		Offers: p.Offers, Set: p.Set, Issuer: issuer, Ledger: ledger, Revocations: revocations,
		TokenLife: tokenLife, Now: p.parts.Now, Log: p.parts.Log,
	}
}
