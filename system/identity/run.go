package identity

import (
	"context"
	"errors"
	"io"
	"sync"

	"tocsin/system/authenticator/host"
	"tocsin/system/identity/secret"
	"tocsin/system/internal/ops"
	"tocsin/system/internal/trace"
	"tocsin/system/internal/wire"
)

// maxBody is the largest request of all: a batch of proofs with attestations for
// the credential endpoint. Every endpoint has a bound of its own.
const maxBody = 128 << 10

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
	people, err := host.Start(ctx, config.authenticator(), log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, people.Close()) }()
	stores, err := openStores(ctx, config, secrets, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stores.close()) }()
	registry := ops.NewRegistry()
	p, err := newProvider(config, secrets, stores, people, registry, log)
	if err != nil {
		return err
	}
	public, internal, err := p.handlers()
	if err != nil {
		return err
	}
	board := ops.NewBoard("identity", log, registry, p.checks()...)

	var background sync.WaitGroup
	defer background.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop() // also when a listener cannot be had, and nobody ends ctx
	for _, work := range p.background() {
		background.Go(func() { work(ctx) })
	}
	background.Go(func() { board.Run(ctx) })
	return wire.Serve(ctx, log, board.Drain,
		wire.Server{Name: "public", Address: config.Public.Listen, TLS: server, Handler: wire.OnlyFrom(config.Public.Callers, public), MaxBody: maxBody},
		wire.Server{Name: "internal", Address: config.Internal.Listen, TLS: server, Handler: wire.OnlyFrom(config.Internal.Callers, internal)},
		wire.Server{Name: "ops", Address: config.Ops.Listen, TLS: server, Handler: wire.OnlyFrom(config.Ops.Callers, board.Handler(p.rules(), registry))},
	)
}
