// Package nonce is the nonce endpoint (OpenID4VCI 1.0, 7). Nonces follow from a
// secret and the time, so that no flood of requests fills a store, and every
// zone knows the nonces of every other.
package nonce

import (
	"log/slog"
	"net/http"

	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/vci/message"
)

// Challenges makes nonces (secret.Challenge).
type Challenges interface{ Current() string }

// DPoP offers a nonce for proofs of possession beside (RFC 9449, 8.2).
type DPoP interface {
	Offer(w http.ResponseWriter, r *http.Request)
}

// Endpoint answers POST /vci/nonce.
type Endpoint struct {
	Challenges Challenges
	DPoP       DPoP
	Log        *slog.Logger
}

type response struct {
	Nonce string `json:"c_nonce"`
}

// ServeHTTP implements http.Handler.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.DPoP.Offer(w, r)
	if err := message.Write(w, http.StatusOK, response{Nonce: e.Challenges.Current()}, nil); err != nil {
		oautherr.WriteJSON(w, r, e.Log, err)
	}
}
