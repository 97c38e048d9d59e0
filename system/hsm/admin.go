package hsm

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/hsm/pkcs11pool"
	"tocsin/system/hsm/protocol"
)

// maxBundle bounds an encoded bundle.
const maxBundle = 32 << 10

// make answers POST /v1/keys?alg=A&use=U: it makes a key and returns it sealed
// for the other approved nodes. What the use means is the caller's affair; the
// node attests it.
func (n *node) make(w http.ResponseWriter, r *http.Request) {
	algorithm := jose.SignatureAlgorithm(r.URL.Query().Get("alg"))
	if !slices.Contains(protocol.Algorithms(), algorithm) {
		refuse(w, http.StatusBadRequest, "alg must be ES256, PS256 or RS256")
		return
	}
	use := r.URL.Query().Get("use")
	if protocol.CheckUse(use) != nil {
		refuse(w, http.StatusBadRequest, "use must be 1 to 32 lower-case letters and hyphens")
		return
	}
	bundle, err := n.bundle(r.Context(), algorithm, use)
	if err != nil {
		n.refuseFor(w, r, err)
		return
	}
	n.log.InfoContext(r.Context(), "made a signing key", "kid", bundle.Public.KeyID, "alg", algorithm, "use", use, "recipients", len(bundle.Copies))
	n.writeJSON(w, r, http.StatusCreated, bundle)
}

func (n *node) bundle(ctx context.Context, algorithm jose.SignatureAlgorithm, use string) (*protocol.Bundle, error) {
	recipients, err := n.recipients(ctx)
	if err != nil {
		return nil, err
	}
	sealed, err := n.token.Generate(ctx, algorithm, recipients)
	if err != nil {
		return nil, err
	}
	bundle := &protocol.Bundle{Use: use, Wrapped: sealed.Wrapped, Copies: sealed.Copies}
	if bundle.Public, err = protocol.JWK(algorithm, sealed.Public); err != nil {
		return nil, err
	}
	if len(recipients) == 0 {
		bundle.Drop()
	}
	bundle.Sealed = bundle.Seal()
	digest := bundle.Attested()
	signature, maker, err := n.token.Attest(ctx, digest[:])
	if err != nil {
		return nil, fmt.Errorf("attest key: %w", err)
	}
	bundle.Maker, bundle.Signature = maker.String(), signature
	return bundle, nil
}

// recipients are the transport keys of all approved nodes but this one.
func (n *node) recipients(ctx context.Context) ([]*rsa.PublicKey, error) {
	keys, err := n.token.Keys(ctx)
	if err != nil {
		return nil, err
	}
	var recipients []*rsa.PublicKey
	for _, peer := range n.approved {
		id, err := protocol.IDOf(peer.Transport)
		if err != nil {
			return nil, err
		}
		if _, own := keys[id]; !own {
			recipients = append(recipients, peer.Transport)
		}
	}
	if len(recipients) == len(n.approved) {
		return nil, errors.New("this node is not among the approved ones")
	}
	return recipients, nil
}

// take answers POST /v1/take: a key that another approved node made.
func (n *node) take(w http.ResponseWriter, r *http.Request) {
	bundle := &protocol.Bundle{}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBundle+1))
	if err != nil || len(body) > maxBundle || json.Unmarshal(body, bundle) != nil {
		refuse(w, http.StatusBadRequest, "the body must be a sealed key")
		return
	}
	if err := bundle.Check(n.approved); err != nil {
		n.log.WarnContext(r.Context(), "refused a key", "error", err)
		refuse(w, http.StatusForbidden, "the key is not one that an approved node made")
		return
	}
	err = n.token.Take(r.Context(), bundle)
	if errors.Is(err, pkcs11pool.ErrNotForUs) {
		refuse(w, http.StatusConflict, "the key is not sealed for this node")
		return
	}
	if err != nil {
		n.refuseFor(w, r, err)
		return
	}
	n.log.InfoContext(r.Context(), "took a signing key", "kid", bundle.Public.KeyID, "alg", bundle.Public.Algorithm)
	w.WriteHeader(http.StatusNoContent)
}

// remove answers DELETE /v1/keys/{kid}.
func (n *node) remove(w http.ResponseWriter, r *http.Request) {
	id, err := protocol.ParseID(r.PathValue("kid"))
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	if err := n.token.Remove(r.Context(), id); err != nil {
		n.refuseFor(w, r, err)
		return
	}
	n.log.InfoContext(r.Context(), "removed a signing key", "kid", id.String())
	w.WriteHeader(http.StatusNoContent)
}

// audit answers GET /v1/audit: how the token holds each of its keys.
func (n *node) audit(w http.ResponseWriter, r *http.Request) {
	found, err := n.token.Audit(r.Context())
	if err != nil {
		n.refuseFor(w, r, err)
		return
	}
	n.writeJSON(w, r, http.StatusOK, found)
}

// drill answers POST /v1/drill.
func (n *node) drill(w http.ResponseWriter, r *http.Request) {
	if err := n.token.Drill(); err != nil {
		n.refuseFor(w, r, err)
		return
	}
	n.log.InfoContext(r.Context(), "drill: closed all sessions")
	w.WriteHeader(http.StatusNoContent)
}
