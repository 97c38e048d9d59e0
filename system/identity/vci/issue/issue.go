// Package issue makes the credentials of one issuance, for the credential and
// the deferred endpoint alike: it reads the claims, records the credentials,
// which gives each a status entry, and signs them. An order carries all that
// the result depends on, so that an issuance whose answer was lost can be made
// again: with the same identifiers, status entries, times and salts.
package issue

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"tocsin/system/authenticator"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/vci/configuration"
	"tocsin/system/identity/vci/content"
	"tocsin/system/identity/vci/holder"
	"tocsin/system/identity/vci/jwtvc"
	"tocsin/system/identity/vci/mdoc"
	"tocsin/system/identity/vci/record"
	"tocsin/system/identity/vci/sdjwt"
	"tocsin/system/identity/vci/statuslist"
)

// Order is one issuance: one credential of one configuration for each key.
type Order struct {
	// ID is the notification_id, too.
	ID            string       `json:"id"`
	Configuration string       `json:"cfg"`
	Person        string       `json:"person"`
	ClientID      string       `json:"client,omitempty"`
	Keys          []holder.JWK `json:"keys"`
	// Seed is what salts follow from.
	Seed []byte `json:"seed"`
}

// NewOrder returns an order with an id and a seed of its own.
func NewOrder(configurationID, person, clientID string, keys []*holder.Key) *Order {
	order := &Order{
		ID: rand.Text(), Configuration: configurationID, Person: person, ClientID: clientID,
		Keys: make([]holder.JWK, len(keys)), Seed: make([]byte, 32),
	}
	rand.Read(order.Seed) // never fails: the runtime aborts the process instead
	for i, key := range keys {
		order.Keys[i] = key.JWK()
	}
	return order
}

// People knows what is known of people.
type People interface {
	Claims(ctx context.Context, person string, names []string) (map[string]any, error)
}

// Records keeps issuances.
type Records interface {
	Issue(ctx context.Context, issuance *record.Issuance) error
}

// Signer signs in both worlds.
type Signer interface {
	sdjwt.Signer
	mdoc.Signer
}

// Issuer makes credentials.
type Issuer struct {
	Set     *configuration.Set
	People  People
	Records Records
	Signer  Signer
	MDoc    *mdoc.Maker
	Entries *statuslist.Entries
	Now     func() time.Time
}

// coarse is what times of issuing are cut down to, so that the credentials of a
// batch, and of its neighbours, are not known by their second (RFC 9901, 10.1).
const coarse = time.Hour

// parallel bounds how many signatures of a batch are asked for at once.
const parallel = 4

// Issue returns the credentials of order. The only verdict is
// credential_request_denied, for a person of whom there is nothing to certify;
// signing.ErrUnavailable means that everything is ready but the key.
func (i *Issuer) Issue(ctx context.Context, order *Order) ([]string, error) {
	c, known := i.Set.Get(order.Configuration)
	if !known { // it was there when the order was made
		return nil, fmt.Errorf("issue credential: configuration %q is gone", order.Configuration)
	}
	claims, err := i.People.Claims(ctx, order.Person, c.Sources())
	if errors.Is(err, authenticator.ErrUnknown) {
		return nil, oautherr.New(oautherr.CredentialRequestDenied, "the person is not known any more")
	}
	if err != nil {
		return nil, fmt.Errorf("read claims for credential: %w", err)
	}
	contents, err := i.contents(order, c, claims)
	if err != nil {
		return nil, err
	}
	issuance := i.issuance(order, c)
	if err := i.Records.Issue(ctx, issuance); err != nil {
		return nil, fmt.Errorf("record credentials: %w", err)
	}
	credentials := make([]string, len(contents))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for n, filling := range contents {
		filling.ID = issuance.Credentials[n].ID
		filling.IssuedAt, filling.ExpiresAt = issuance.IssuedAt, issuance.ExpiresAt
		filling.Status = i.Entries.Status(issuance.Credentials[n].Serial)
		group.Go(func() (err error) {
			credentials[n], err = i.make(ctx, filling)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("make credential: %w", err)
	}
	return credentials, nil
}

// contents is one content for each key, without what recording gives.
func (i *Issuer) contents(order *Order, c *configuration.Configuration, claims map[string]any) ([]*content.Content, error) {
	contents := make([]*content.Content, len(order.Keys))
	for n, jwk := range order.Keys {
		key, err := jwk.Key()
		if err != nil {
			return nil, fmt.Errorf("read key of order: %w", err)
		}
		contents[n] = &content.Content{
			Issuer: i.Set.Issuer, Configuration: c, Claims: claims, Holder: key, Random: random(order.Seed, n),
		}
		if name := contents[n].Missing(); name != "" {
			return nil, oautherr.New(oautherr.CredentialRequestDenied, "claim %s of the person is not known", name)
		}
	}
	return contents, nil
}

func (i *Issuer) issuance(order *Order, c *configuration.Configuration) *record.Issuance {
	now := i.Now().UTC().Truncate(coarse)
	issuance := &record.Issuance{
		ID: order.ID, Configuration: order.Configuration, Person: order.Person, ClientID: order.ClientID,
		IssuedAt: now, ExpiresAt: now.Add(c.Life), Credentials: make([]record.Credential, len(order.Keys)),
	}
	for n := range issuance.Credentials {
		issuance.Credentials[n].ID = newUUID()
	}
	return issuance
}

func (i *Issuer) make(ctx context.Context, c *content.Content) (string, error) {
	switch c.Configuration.Format {
	case configuration.SDJWT:
		return sdjwt.Issue(ctx, i.Signer, c)
	case configuration.JWTVC:
		return jwtvc.Issue(ctx, i.Signer, c)
	case configuration.MDoc:
		return i.MDoc.Issue(ctx, i.Signer, c)
	}
	return "", fmt.Errorf("format %s is not supported", c.Configuration.Format)
}

// random is the generator of one credential of an order.
func random(seed []byte, n int) *mathrand.ChaCha8 {
	return mathrand.NewChaCha8(sha256.Sum256(binary.BigEndian.AppendUint32(append([]byte(nil), seed...), uint32(n))))
}

// newUUID returns a random UUID (RFC 9562, 5.4).
func newUUID() string {
	var raw [16]byte
	rand.Read(raw[:])
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
}
