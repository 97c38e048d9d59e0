package offer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"slices"
	"time"

	"tocsin/system/authenticator"
	"tocsin/system/identity/bearer"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/token"
	"tocsin/system/identity/vci/access"
	"tocsin/system/identity/vci/configuration"
	"tocsin/system/identity/vci/message"
)

// Scope is what an access token needs to make offers.
const Scope = "credential_offer"

// Life is how long an offer is good for (OpenID4VCI 1.0, 4.1.1: short lived).
const Life = 10 * time.Minute

// People knows who there is.
type People interface {
	Claims(ctx context.Context, person string, names []string) (map[string]any, error)
}

// Endpoint answers POST /vci/offers for services that may make offers, and GET
// /vci/offers/{id} for wallets.
type Endpoint struct {
	Guard   access.Guard
	Persons access.Persons
	People  People
	Set     *configuration.Set
	Sealer  *Sealer
	Now     func() time.Time
	Log     *slog.Logger
}

// response is for the service that shows the offer. The transaction code is to
// reach the person on another way than the offer (OpenID4VCI 1.0, 4.1.1).
type response struct {
	Offer       *document `json:"credential_offer"`
	Address     string    `json:"credential_offer_uri"`
	ByValue     string    `json:"by_value"`
	ByReference string    `json:"by_reference"`
	TxCode      string    `json:"tx_code,omitempty"`
	ExpiresIn   int64     `json:"expires_in"`
}

// Create answers POST /vci/offers.
func (e *Endpoint) Create(w http.ResponseWriter, r *http.Request) {
	made, err := e.create(w, r)
	if err == nil {
		err = message.Write(w, http.StatusCreated, made, nil)
	}
	if err != nil {
		bearer.Refuse(w, r, e.Log, err)
	}
}

func (e *Endpoint) create(w http.ResponseWriter, r *http.Request) (*response, error) {
	e.Guard.Offer(w, r)
	claims, err := e.Guard.Check(r, Scope)
	if err != nil {
		return nil, err
	}
	body, err := message.Body(w, r, oautherr.InvalidRequest)
	if err != nil {
		return nil, err
	}
	asked, err := parse(body)
	if err != nil {
		return nil, err
	}
	o, err := e.offer(r.Context(), asked, claims)
	if err != nil {
		return nil, err
	}
	return e.render(o)
}

func (e *Endpoint) offer(ctx context.Context, asked *wanted, claims *token.AccessClaims) (*Offer, error) {
	for _, id := range asked.configurations {
		if _, known := e.Set.Get(id); !known {
			return nil, oautherr.New(oautherr.InvalidRequest, "there is no credential configuration %.60q", id)
		}
	}
	o := &Offer{
		ID: rand.Text(), Configurations: asked.configurations, Hint: asked.hint,
		Authorize: slices.Contains(asked.grants, authorizationCode), Expires: e.Now().Add(Life).UTC().Truncate(time.Second),
	}
	if !slices.Contains(asked.grants, PreAuthorizedCode) {
		return o, nil
	}
	var err error
	if o.Person, err = e.person(ctx, asked, claims); err != nil {
		return nil, err
	}
	if asked.digits > 0 {
		o.TxCode, err = digits(asked.digits)
	}
	return o, err
}

// person is whose credentials are offered: the person that the access token is
// of, or for a service's own token the one that it names.
func (e *Endpoint) person(ctx context.Context, asked *wanted, claims *token.AccessClaims) (string, error) {
	if claims.Person != "" {
		if asked.person != "" {
			return "", oautherr.New(oautherr.InvalidRequest, "with an access token of a person, offers are for that person: person must not be given")
		}
		return e.Persons.Open(claims.Person)
	}
	if asked.person == "" {
		return "", oautherr.New(oautherr.InvalidRequest, "person is missing")
	}
	_, err := e.People.Claims(ctx, asked.person, []string{"given_name"})
	if errors.Is(err, authenticator.ErrUnknown) {
		return "", oautherr.New(oautherr.InvalidRequest, "there is no such person")
	}
	if err != nil {
		return "", fmt.Errorf("look person up: %w", err)
	}
	return asked.person, nil
}

func (e *Endpoint) render(o *Offer) (*response, error) {
	d, err := e.Sealer.document(e.Set.Issuer, o)
	if err != nil {
		return nil, err
	}
	reference, err := e.Sealer.Reference(o)
	if err != nil {
		return nil, fmt.Errorf("render offer: %w", err)
	}
	value, err := d.byValue()
	if err != nil {
		return nil, err
	}
	address := e.Set.Issuer + Path + "/" + reference
	return &response{
		Offer: d, Address: address, ByValue: value, ByReference: byReference(address), TxCode: o.TxCode,
		ExpiresIn: int64(o.Expires.Sub(e.Now()) / time.Second),
	}, nil
}

// Resolve answers GET /vci/offers/{id}.
func (e *Endpoint) Resolve(w http.ResponseWriter, r *http.Request) {
	o, err := e.Sealer.Resolve(r.PathValue("id"))
	if err != nil {
		oautherr.WriteJSON(w, r, e.Log, oautherr.New(oautherr.NotFound, "the offer is unknown or has expired"))
		return
	}
	d, err := e.Sealer.document(e.Set.Issuer, o)
	if err == nil {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		err = message.Write(w, http.StatusOK, d, nil)
	}
	if err != nil {
		oautherr.WriteJSON(w, r, e.Log, err)
	}
}

// digits returns a random transaction code.
func digits(length int) (string, error) {
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(length)), nil)
	number, err := rand.Int(rand.Reader, limit)
	if err != nil {
		return "", fmt.Errorf("draw transaction code: %w", err)
	}
	return fmt.Sprintf("%0*d", length, number), nil
}
