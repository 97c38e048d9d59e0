package ui

import (
	"context"
	"io"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/system/internal/ops"
	"tocsin/system/internal/trace"
	"tocsin/system/internal/wire"
	"tocsin/system/page"
)

// Run serves the component that config describes until ctx ends. It
// logs JSON lines to out.
func Run(ctx context.Context, config *Config, out io.Writer) error {
	log := trace.NewLogger(out, "ui", config.Zone)
	server, err := config.TLS.Server()
	if err != nil {
		return err
	}
	client, err := config.TLS.Client()
	if err != nil {
		return err
	}
	texts, err := page.NewTexts(string(config.Texts), log)
	if err != nil {
		return err
	}
	set, err := page.NewSet(base, texts, log)
	if err != nil {
		return err
	}
	provider := newProvider(config.Identity.Nodes, client)
	defer provider.nodes.Close()
	registry := ops.NewRegistry()
	board := ops.NewBoard("ui", log, registry, ops.Check{Dependency: "identity", Probe: provider.answering})
	handler := (&pages{provider: provider, set: set, log: log}).handler(registry)

	var background sync.WaitGroup
	defer background.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop() // also when a listener cannot be had, and nobody ends ctx
	background.Go(func() { board.Run(ctx) })
	return wire.Serve(ctx, log, board.Drain,
		wire.Server{Name: "public", Address: config.Public.Listen, TLS: server, Handler: wire.OnlyFrom(config.Public.Callers, handler)},
		wire.Server{Name: "ops", Address: config.Ops.Listen, TLS: server, Handler: wire.OnlyFrom(config.Ops.Callers, board.Handler(rules(), registry))},
	)
}

// rules: one slow round of checks must not take the zone's pages away.
func rules() ops.Rules {
	return ops.Rules{
		Ready: ops.AllUp,
		Serving: func(states []ops.State) []string {
			for _, state := range states {
				if state.Lost() {
					return []string{state.Dependency + ": " + state.Reason}
				}
			}
			return nil
		},
	}
}

func (p *pages) handler(registry prometheus.Registerer) http.Handler {
	requests := ops.NewRequests("ui", p.log, registry)
	mux := http.NewServeMux()
	for pattern, route := range map[string]struct {
		endpoint string
		handler  http.HandlerFunc
	}{
		"GET " + base + "/login":           {"login", p.showLogin},
		"POST " + base + "/login":          {"login-submit", p.postPIN},
		"POST " + base + "/login/otp/send": {"otp-send", p.sendOTP},
		"POST " + base + "/login/otp":      {"otp-submit", p.postOTP},
		"GET " + base + "/login/wallet":    {"wallet-poll", p.pollWallet},
		"POST " + base + "/login/wallet":   {"wallet-renew", p.renewLink},
		"GET " + base + "/consent":         {"consent", p.showConsent},
		"POST " + base + "/consent":        {"consent-submit", p.postConsent},
		"GET " + base + "/wallet":          {"wallet", p.showPhone},
		"POST " + base + "/wallet":         {"wallet-approve", p.postPhone},
		"GET " + base + "/logout":          {"logout", p.showLogout},
		"POST " + base + "/logout":         {"logout-submit", p.postLogout},
		"GET " + base + "/error":           {"error", p.showError},
		"GET " + base + "/assets/":         {"assets", p.set.Assets().ServeHTTP},
		"/":                                {"other", p.notFound},
	} {
		mux.Handle(pattern, requests.Measure(route.endpoint, p.guarded(route.handler)))
	}
	return mux
}
