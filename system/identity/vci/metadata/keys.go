package metadata

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"

	"tocsin/system/identity/keyset"
	"tocsin/system/identity/oautherr"
)

// KeysPath is where the public keys of credentials are, and RootsPath where the
// certificates are that their chains end in, under the issuer.
const (
	KeysPath  = "/vci/jwks.json"
	RootsPath = "/vci/roots.pem"
)

// Documents has the JWK set of each use and the root certificates (keyset.Set).
type Documents interface {
	DocumentOf(use keyset.Use) ([]byte, error)
	Roots() (der [][]byte, err error)
}

// Keys serves the public keys that credentials and status lists are signed
// with, and JWT VC issuer metadata, which says where they are (SD-JWT VC, 5.2).
type Keys struct {
	documents Documents
	log       *slog.Logger
	pointer   []byte
}

// NewKeys serves the keys of issuer.
func NewKeys(issuer string, documents Documents, log *slog.Logger) (*Keys, error) {
	pointer, err := json.Marshal(map[string]string{"issuer": issuer, "jwks_uri": issuer + KeysPath})
	if err != nil {
		return nil, fmt.Errorf("render JWT VC issuer metadata: %w", err)
	}
	return &Keys{documents: documents, log: log, pointer: pointer}, nil
}

// Pointer answers GET /.well-known/jwt-vc-issuer.
func (k *Keys) Pointer(w http.ResponseWriter, _ *http.Request) { writeStatic(w, k.pointer) }

// Set answers GET /vci/jwks.json: all keys, or none and an error.
func (k *Keys) Set(w http.ResponseWriter, r *http.Request) {
	document, err := k.documents.DocumentOf(keyset.Credential)
	if err != nil {
		oautherr.WriteJSON(w, r, k.log, err)
		return
	}
	writeStatic(w, document)
}

// Roots answers GET /vci/roots.pem (RFC 8555, 9.1, for the media type). Who
// believes them has to have them from elsewhere, too.
func (k *Keys) Roots(w http.ResponseWriter, r *http.Request) {
	roots, err := k.documents.Roots()
	if err != nil {
		oautherr.WriteJSON(w, r, k.log, err)
		return
	}
	header := w.Header()
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Content-Type", "application/pem-certificate-chain")
	header.Set("Cache-Control", maxAge)
	for _, der := range roots {
		if err := pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
			k.log.DebugContext(r.Context(), "write root certificates", "error", err)
			return
		}
	}
}
