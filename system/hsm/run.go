package hsm

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/system/hsm/pkcs11pool"
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
	registry := ops.NewRegistry()
	n := &node{token: pool, log: log}
	board := ops.NewBoard("hsm", log, registry, ops.Check{Dependency: "token", Probe: n.probe})
	handler := n.handler(config.Callers, board, registry)

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

func (n *node) handler(callers []string, board *ops.Board, registry *prometheus.Registry) http.Handler {
	requests := ops.NewRequests("hsm", n.log, registry)
	api := http.NewServeMux()
	api.Handle("POST /v1/sign", requests.Measure("sign", http.HandlerFunc(n.sign)))
	api.Handle("GET /v1/keys", requests.Measure("keys", http.HandlerFunc(n.keys)))
	mux := http.NewServeMux()
	mux.Handle("/v1/", wire.OnlyFrom(callers, api))
	mux.Handle("/", board.Handler(ops.Rules{Serving: ops.AllUp, Ready: ops.AllUp}, registry))
	return mux
}

// Init creates the token and its key pair; when they exist it changes nothing.
func Init(config *Config, out io.Writer) error {
	log := trace.NewLogger(out, "hsm-init", config.Zone)
	if err := config.SoftHSM.prepare(); err != nil {
		return err
	}
	if config.PKCS11.SecurityOfficerPIN == "" {
		return errors.New(`key "pkcs11.so_pin_file": needed to create a token`)
	}
	officer, err := readSecret(config.PKCS11.SecurityOfficerPIN)
	if err != nil {
		return fmt.Errorf("read security officer PIN: %w", err)
	}
	poolConfig, err := config.pool()
	if err != nil {
		return err
	}
	created, err := pkcs11pool.Create(poolConfig, officer)
	if err != nil {
		return fmt.Errorf("create token %s: %w", config.PKCS11.TokenLabel, err)
	}
	log.Info("token is there", "token", config.PKCS11.TokenLabel, "created", created)
	return nil
}

func verify(key *pkcs11pool.PublicKey, digest, signature []byte) bool {
	if len(signature) != 2*digestSize {
		return false
	}
	r := new(big.Int).SetBytes(signature[:digestSize])
	s := new(big.Int).SetBytes(signature[digestSize:])
	return ecdsa.Verify(key.PublicKey, digest, r, s)
}
