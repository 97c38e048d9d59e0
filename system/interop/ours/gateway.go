package ours

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"tocsin/system/identity/store/realtest"
	"tocsin/system/internal/wire"
)

// gateway forwards /ui/ to the pages and the rest to the provider.
type gateway struct {
	Port            int
	Provider, Pages string
	TLS             wire.TLS
}

func (g *gateway) run(ctx context.Context) error {
	upstream, err := g.TLS.Client()
	if err != nil {
		return err
	}
	server, err := g.TLS.Server()
	if err != nil {
		return err
	}
	server.ClientAuth = tls.NoClientCert
	targets := map[bool]*url.URL{false: {Scheme: "https", Host: g.Provider}, true: {Scheme: "https", Host: g.Pages}}
	proxy := &httputil.ReverseProxy{
		// HTTP/1.1 with kept connections, as HAProxy does it.
		Transport: &http.Transport{TLSClientConfig: upstream, MaxIdleConnsPerHost: 64},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(targets[strings.HasPrefix(r.In.URL.Path, "/ui/")])
			r.Out.Host = r.In.Host
		},
	}
	running := &http.Server{Addr: realtest.Address(g.Port), Handler: proxy, TLSConfig: server, ReadHeaderTimeout: 5 * time.Second}
	closed := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { closed <- running.Close() })
	defer stop()
	if err := running.ListenAndServeTLS("", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-closed
}
