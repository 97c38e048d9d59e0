// Package preauth is the pre-authorized code grant (OpenID4VCI 1.0, 6), also for
// wallets that do not name themselves. A code is good once. Its transaction
// code may be guessed a few times only, and that is kept in the same quorum:
// guesses made at once in all zones are counted together.
package preauth

import (
	"context"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"time"

	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/spent"
	"tocsin/system/identity/token"
	"tocsin/system/identity/vci/configuration"
	"tocsin/system/identity/vci/offer"
)

// Offers opens pre-authorized codes; any error means that a text is none.
type Offers interface {
	Redeem(code string) (*offer.Offer, error)
}

// Issuer makes token responses (token.Issuer).
type Issuer interface {
	Issue(ctx context.Context, r *token.Request, a *token.Authorization) (*token.Response, error)
}

// Ledger makes happen once what may happen once (token.Ledger).
type Ledger interface {
	Once(ctx context.Context, attempt string, marks []spent.Mark, effect func() error) error
}

// Grant implements token.Grant.
type Grant struct {
	Offers      Offers
	Set         *configuration.Set
	Issuer      Issuer
	Ledger      Ledger
	Revocations spent.Revocations
	// TokenLife is the longest life of a token that the grant gives.
	TokenLife time.Duration
	Now       func() time.Time
	Log       *slog.Logger
}

const (
	// guesses is how often a transaction code may be tried: a code of six digits
	// falls with a chance of 5 in a million.
	guesses = 5
	// skew is how much longer a mark is kept than the code is good for.
	skew = 30 * time.Second
)

// TakesAnonymous implements token.AnonymousGrant.
func (g *Grant) TakesAnonymous() bool { return true }

// Answer implements token.Grant.
func (g *Grant) Answer(ctx context.Context, r *token.Request) (*token.Response, error) {
	text := r.Form.Get("pre-authorized_code")
	if text == "" {
		return nil, oautherr.New(oautherr.InvalidRequest, "pre-authorized_code is missing")
	}
	redeemed, err := g.Offers.Redeem(text)
	if err != nil || g.Revocations.Revoked(redeemed.ID) {
		return nil, oautherr.New(oautherr.InvalidGrant, "the pre-authorized code is unknown, expired or revoked")
	}
	if err := expected(redeemed, r.Form); err != nil {
		return nil, err
	}
	authorization, err := g.authorization(redeemed, r.Form)
	if err != nil {
		return nil, err
	}
	var response *token.Response
	err = g.once(ctx, r, redeemed, func() (err error) {
		response, err = g.Issuer.Issue(ctx, r, authorization)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("redeem pre-authorized code: %w", err)
	}
	return response, nil
}

// expected checks that there is a transaction code exactly when one is expected
// (OpenID4VCI 1.0, 6.3).
func expected(redeemed *offer.Offer, form url.Values) error {
	switch given := form.Get("tx_code") != ""; {
	case redeemed.TxCode != "" && !given:
		return oautherr.New(oautherr.InvalidRequest, "tx_code is missing")
	case redeemed.TxCode == "" && given:
		return oautherr.New(oautherr.InvalidRequest, "tx_code is not expected")
	}
	return nil
}

// once makes effect happen if the code was not used before and the transaction
// code is right. A guess takes its place before it is answered.
func (g *Grant) once(ctx context.Context, r *token.Request, redeemed *offer.Offer, effect func() error) error {
	used := g.mark(redeemed, redeemed.ID)
	if redeemed.TxCode == "" {
		return g.verdict(ctx, redeemed, g.Ledger.Once(ctx, r.Attempt, r.Marks(used), effect))
	}
	right := subtle.ConstantTimeCompare([]byte(r.Form.Get("tx_code")), []byte(redeemed.TxCode)) == 1
	for n := range guesses {
		guess := g.mark(redeemed, redeemed.ID+"/"+strconv.Itoa(n))
		marks := r.Marks(guess)
		if right {
			marks = append(marks, used)
		}
		err := g.Ledger.Once(ctx, r.Attempt, marks, func() error {
			if right {
				return effect()
			}
			return oautherr.New(oautherr.InvalidGrant, "tx_code is wrong")
		})
		if mark, consumed := spent.Consumed(err); consumed && mark.ID == guess.ID {
			continue
		}
		return g.verdict(ctx, redeemed, err)
	}
	return oautherr.New(oautherr.InvalidGrant, "tx_code was wrong too often; a new offer is needed")
}

func (g *Grant) mark(redeemed *offer.Offer, id string) spent.Mark {
	return spent.Mark{Kind: spent.PreAuth, ID: id, Life: redeemed.Expires.Sub(g.Now()) + skew}
}

// verdict answers the second use of a code and ends what came of the first: one
// of the two had the code from somebody else (OpenID4VCI 1.0, 13.6.1).
func (g *Grant) verdict(ctx context.Context, redeemed *offer.Offer, err error) error {
	if _, consumed := spent.Consumed(err); !consumed {
		return err
	}
	g.Log.WarnContext(ctx, "pre-authorized code used twice")
	if err := g.Revocations.Revoke(ctx, redeemed.ID, g.TokenLife); err != nil {
		return fmt.Errorf("revoke tokens of a code used twice: %w", err)
	}
	return oautherr.New(oautherr.InvalidGrant, "the pre-authorized code was used before")
}

// authorization is what the code stands for: all credentials of the offer by
// scope, or those of authorization_details by identifier.
func (g *Grant) authorization(redeemed *offer.Offer, form url.Values) (*token.Authorization, error) {
	a := &token.Authorization{Person: redeemed.Person, Family: redeemed.ID}
	if !form.Has("authorization_details") {
		for _, id := range redeemed.Configurations {
			if c, known := g.Set.Get(id); known && !slices.Contains(a.Scopes, c.Scope) {
				a.Scopes = append(a.Scopes, c.Scope)
			}
		}
		return a, nil
	}
	ids, err := g.Set.Requested(form.Get("authorization_details"))
	if err != nil {
		return nil, oautherr.New(oautherr.InvalidAuthorizationDetails, "authorization_details: %s", err)
	}
	for _, id := range ids {
		if !slices.Contains(redeemed.Configurations, id) {
			return nil, oautherr.New(oautherr.InvalidAuthorizationDetails, "a credential was asked for that is not in the offer")
		}
		a.Details = append(a.Details, token.AuthorizationDetail{
			Type: token.OpenIDCredential, CredentialConfigurationID: id, CredentialIdentifiers: g.Set.Identifiers(id),
		})
	}
	return a, nil
}
