// Package discovery publishes the provider's metadata (OpenID Connect
// Discovery 1.0, RFC 8414) and its keys. Neither needs any store to answer.
package discovery

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"tocsin/system/identity/oautherr"
)

// freshness lets clients keep a document for five minutes, and use an old one
// for an hour while they ask again: a key is published at least twice as long
// before its first use.
const freshness = "public, max-age=300, stale-while-revalidate=3600"

// Metadata returns a handler with the document that config describes.
func Metadata(config Config, log *slog.Logger) (http.Handler, error) {
	body, err := json.Marshal(config.document())
	if err != nil {
		return nil, fmt.Errorf("encode metadata: %w", err)
	}
	tag := tagOf(body)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		write(w, r, log, "application/json", tag, body)
	}), nil
}

// Keys publishes the JWK set: all of it, or an error.
type Keys interface {
	Document() ([]byte, error)
}

// JWKS returns a handler with the keys.
func JWKS(keys Keys, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := keys.Document()
		if err != nil {
			oautherr.WriteJSON(w, r, log, err)
			return
		}
		write(w, r, log, "application/jwk-set+json", tagOf(body), body)
	})
}

// tagOf follows from the content: every zone gives the same (RFC 9110, 8.8.3).
func tagOf(body []byte) string {
	hash := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(hash[:16]) + `"`
}

func write(w http.ResponseWriter, r *http.Request, log *slog.Logger, kind, tag string, body []byte) {
	header := w.Header()
	header["Etag"] = []string{tag}
	header["Cache-Control"] = []string{freshness}
	// Public documents: pages of any origin may read them.
	header["Access-Control-Allow-Origin"] = []string{"*"}
	if known(r, tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header["Content-Type"] = []string{kind}
	if _, err := w.Write(body); err != nil {
		log.DebugContext(r.Context(), "write document", "error", err)
	}
}

// known reports whether the client has the document already (RFC 9110, 13.1.2).
func known(r *http.Request, tag string) bool {
	for candidate := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == tag || candidate == "*" {
			return true
		}
	}
	return false
}
