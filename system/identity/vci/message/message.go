package message

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"tocsin/system/identity/compact"
	"tocsin/system/identity/oautherr"
)

const (
	mediaJSON = "application/json"
	mediaJWT  = "application/jwt"
	// maxBody bounds a request: a batch of proofs with attestations.
	maxBody = 128 << 10
)

// Request is the body of a request as JSON.
type Request struct {
	JSON      []byte
	Encrypted bool
}

// Read returns the body of r, decrypted if it has to be. Verdicts are those of
// OpenID4VCI 1.0, 8.3.1.2.
func (k *Keys) Read(w http.ResponseWriter, r *http.Request) (*Request, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || (kind != mediaJSON && kind != mediaJWT) {
		return nil, oautherr.New(oautherr.InvalidCredentialRequest, "the body must be application/json or application/jwt")
	}
	body, err := Body(w, r, oautherr.InvalidCredentialRequest)
	if err != nil || kind == mediaJSON {
		return &Request{JSON: body}, err
	}
	plain, err := k.Open(string(body))
	if err != nil {
		return nil, err
	}
	return &Request{JSON: plain, Encrypted: true}, nil
}

// Body reads the body of r within bounds; kind is the verdict on one that is
// too large.
func Body(w http.ResponseWriter, r *http.Request, kind oautherr.Kind) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, oautherr.New(kind, "the body is larger than %d bytes", maxBody)
	}
	if err != nil {
		return nil, oautherr.New(kind, "the body ended early")
	}
	return body, nil
}

// Recipient returns who the response is encrypted to, nil for nobody. That is
// only taken from a request that is encrypted itself: otherwise whoever could
// read the response could have put their own key in (OpenID4VCI 1.0, 8.2).
func (r *Request) Recipient(raw []byte) (*Recipient, error) {
	if raw == nil {
		return nil, nil
	}
	recipient, err := ParseRecipient(raw)
	if err != nil {
		return nil, err
	}
	if !r.Encrypted {
		return nil, oautherr.New(oautherr.InvalidEncryptionParameters, "a request for an encrypted response must be encrypted itself")
	}
	return recipient, nil
}

// Members is compact.Members with a verdict.
func Members(raw []byte, kind oautherr.Kind, take func(name string, value []byte) error) error {
	err := compact.Members(raw, take)
	if errors.Is(err, compact.ErrMalformed) {
		return oautherr.New(kind, "the body is not a JSON object with each member once and of the right type")
	}
	return err
}

// Write answers with status and body, encrypted if there is a recipient. It
// fails before anything is written.
func Write(w http.ResponseWriter, status int, body any, recipient *Recipient) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode response: %w", err)
	}
	kind := mediaJSON
	if recipient != nil {
		sealed, err := recipient.seal(text)
		if err != nil {
			return err
		}
		text, kind = []byte(sealed), mediaJWT
	}
	header := w.Header()
	header.Set("Content-Type", kind)
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(text)
	return nil
}
