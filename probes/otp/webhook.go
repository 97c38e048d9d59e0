package otp

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"tocsin/internal/target"
)

// webhook listens while a login waits, and not longer: a code that nobody waits
// for is refused, so that its sender notices.
type webhook struct {
	cfg  target.Webhook
	find finder
}

func (w webhook) open(ctx context.Context) (inbox, error) {
	token, err := target.ReadSecret(w.cfg.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("token of webhook: %w", err)
	}
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp", w.cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for one-time codes: %w", err)
	}
	if w.cfg.CertFile != "" {
		certificate, err := tls.LoadX509KeyPair(w.cfg.CertFile, w.cfg.KeyFile)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("certificate of webhook: %w", err), listener.Close())
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	}
	hook := &hook{find: w.find, token: sha256.Sum256([]byte("Bearer " + token)), served: make(chan error, 1)}
	hook.server = &http.Server{
		Handler: hook, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	go func() { hook.served <- hook.server.Serve(listener) }()
	return hook, nil
}

// hook takes messages by POST.
type hook struct {
	find   finder
	token  [sha256.Size]byte
	server *http.Server
	served chan error

	mu      sync.Mutex
	tally   tally
	refused int
	newest  string
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	given := sha256.Sum256([]byte(r.Header.Get("Authorization")))
	if subtle.ConstantTimeCompare(given[:], h.token[:]) != 1 {
		h.mu.Lock()
		h.refused++
		h.mu.Unlock()
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "wrong token", http.StatusUnauthorized)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "messages come by POST", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
	if err != nil {
		http.Error(w, "message cannot be read", http.StatusBadRequest)
		return
	}
	code := h.find.code(message{body: readable(r.Header.Get("Content-Type"), string(body))})
	h.mu.Lock()
	if code != "" {
		h.newest = code
	} else {
		h.tally.others++
	}
	h.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

// readable undoes the encoding of a form, one parameter a line: gateways for
// SMS post forms.
func readable(mediaType, body string) string {
	kind, _, err := mime.ParseMediaType(mediaType)
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return body
	}
	values, err := url.ParseQuery(body)
	if err != nil {
		return body
	}
	var text strings.Builder
	for name, all := range values {
		for _, value := range all {
			fmt.Fprintf(&text, "%s=%s\n", name, value)
		}
	}
	return text.String()
}

func (h *hook) look(context.Context) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	code := h.newest
	h.newest = ""
	return code, nil
}

func (h *hook) about() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refused > 0 {
		return fmt.Sprintf(": %d posts came with a wrong token", h.refused)
	}
	return h.tally.about()
}

func (h *hook) close() error {
	err := h.server.Close()
	if served := <-h.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
