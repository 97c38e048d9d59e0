package hsm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/system/hsm/pkcs11pool"
	"tocsin/system/hsm/protocol"
	"tocsin/system/internal/ops"
	"tocsin/system/internal/trace"
	"tocsin/system/internal/wire"
)

// Run serves the node that config describes until ctx ends. It logs JSON lines to out.
func Run(ctx context.Context, config *Config, out io.Writer) (err error) {
	log := trace.NewLogger(out, "hsm", config.Zone)
	if err := config.SoftHSM.prepare(); err != nil {
		return err
	}
	poolConfig, err := config.pool()
	if err != nil {
		return err
	}
	pool, err := pkcs11pool.New(poolConfig, log)
	if err != nil {
		return err
	}
	tlsConfig, err := config.TLS.Server()
	if err != nil {
		return err
	}
	approved, err := protocol.LoadApproved(string(config.Sharing.Approved))
	if err != nil {
		return errors.Join(err, pool.Close())
	}
	registry := ops.NewRegistry()
	n := &node{token: pool, approved: approved, workers: runtime.GOMAXPROCS(0), log: log}
	board := ops.NewBoard("hsm", log, registry,
		ops.Check{Dependency: "token", Probe: n.probe},
		ops.Check{Dependency: "custody", Probe: n.custody})
	handler := n.handler(config, board, registry)

	ctx, stop := context.WithCancel(ctx)
	var background sync.WaitGroup
	background.Go(func() { board.Run(ctx) })
	err = wire.Serve(ctx, log, board.Drain, wire.Server{
		Name: "hsm", Address: config.Listen, TLS: tlsConfig, Handler: handler,
	})
	stop() // also when the listener cannot be had, and nobody ends ctx
	background.Wait()
	return errors.Join(err, pool.Close())
}

func (n *node) handler(config *Config, board *ops.Board, registry *prometheus.Registry) http.Handler {
	requests := ops.NewRequests("hsm", n.log, registry)
	type endpoint struct {
		name    string
		callers []string
		handler http.HandlerFunc
	}
	endpoints := map[string]endpoint{
		"POST /v1/sign":         {"sign", config.Callers, n.sign},
		"POST /v1/sign-batch":   {"sign-batch", config.Callers, n.signBatch},
		"GET /v1/keys":          {"keys", config.Callers, n.keys},
		"POST /v1/keys":         {"make", config.Admins, n.make},
		"POST /v1/take":         {"take", config.Admins, n.take},
		"DELETE /v1/keys/{kid}": {"remove", config.Admins, n.remove},
		"GET /v1/audit":         {"audit", config.Admins, n.audit},
	}
	if config.Drills {
		endpoints["POST /v1/drill"] = endpoint{"drill", config.Admins, n.drill}
	}
	mux := http.NewServeMux()
	for pattern, endpoint := range endpoints {
		mux.Handle(pattern, wire.OnlyFrom(endpoint.callers, requests.Measure(endpoint.name, endpoint.handler)))
	}
	mux.Handle("/", board.Handler(ops.Rules{Serving: ops.AllUp, Ready: ops.AllUp}, registry))
	return mux
}

// Init creates the token with its own key pairs, where they do not exist yet,
// and writes their public halves for the key ceremony.
func Init(config *Config, out io.Writer) error {
	log := trace.NewLogger(out, "hsm-init", config.Zone)
	if err := config.SoftHSM.prepare(); err != nil {
		return err
	}
	if config.PKCS11.SecurityOfficerPIN == "" {
		return errors.New(`key "pkcs11.so_pin_file": needed to create a token`)
	}
	officer, err := readSecret(string(config.PKCS11.SecurityOfficerPIN))
	if err != nil {
		return fmt.Errorf("read security officer PIN: %w", err)
	}
	poolConfig, err := config.pool()
	if err != nil {
		return err
	}
	own, created, err := pkcs11pool.Create(poolConfig, officer)
	if err != nil {
		return fmt.Errorf("create token %s: %w", config.PKCS11.TokenLabel, err)
	}
	text, err := own.PEM()
	if err != nil {
		return err
	}
	if err := os.WriteFile(string(config.Sharing.Own), text, 0o644); err != nil {
		return fmt.Errorf("write public keys of the node: %w", err)
	}
	transport, err := protocol.IDOf(own.Transport)
	if err != nil {
		return err
	}
	attest, err := protocol.IDOf(own.Attest)
	if err != nil {
		return err
	}
	log.Info("token is there", "token", config.PKCS11.TokenLabel, "created", created,
		"transport_key", transport.String(), "attestation_key", attest.String())
	return nil
}
