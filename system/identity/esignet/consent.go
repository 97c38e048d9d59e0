package esignet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"tocsin/system/authenticator"
	"tocsin/system/identity/claim"
	"tocsin/system/identity/login"
)

// authenticated is continued for steps after the login.
func (s *Surface) authenticated(r *http.Request) (*state, error) {
	kept, err := s.continued(r)
	if err != nil {
		return nil, err
	}
	if kept.transaction.Session == nil {
		return nil, refuse(invalidTransaction, "nobody has logged in yet")
	}
	return kept, nil
}

// claimStatus tells of one claim whether there is a value for it.
type claimStatus struct {
	Claim     string `json:"claim"`
	Verified  bool   `json:"verified"`
	Available bool   `json:"available"`
}

func (s *Surface) claimDetails(_ http.ResponseWriter, r *http.Request) (any, error) {
	kept, err := s.authenticated(r)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, shown := range claim.Show(kept.transaction.Scopes, kept.transaction.Claims) {
		names = append(names, shown.Name)
	}
	known, err := s.config.Claims.Claims(r.Context(), kept.transaction.Session.Person, names)
	if errors.Is(err, authenticator.ErrUnknown) {
		return nil, refuse(invalidTransaction, "the person is not known any more")
	}
	if err != nil {
		return nil, fmt.Errorf("look for claims: %w", err)
	}
	status := make([]claimStatus, 0, len(names))
	for _, name := range names {
		_, available := known[name]
		status = append(status, claimStatus{Claim: name, Available: available})
	}
	return struct {
		TransactionID string        `json:"transactionId"`
		ConsentAction string        `json:"consentAction"`
		ProfileUpdate bool          `json:"profileUpdateRequired"`
		Claims        []claimStatus `json:"claimStatus"`
	}{kept.id, kept.action(), false, status}, nil
}

// codeRequest is what the person allows.
type codeRequest struct {
	TransactionID string   `json:"transactionId"`
	Claims        []string `json:"acceptedClaims"`
	Scopes        []string `json:"permittedAuthorizeScopes"`
}

func (s *Surface) authCode(w http.ResponseWriter, r *http.Request) (any, error) {
	kept, err := s.authenticated(r)
	if err != nil {
		return nil, err
	}
	var in codeRequest
	if err := s.read(w, r, &in); err != nil {
		return nil, err
	}
	if err := kept.matches(in.TransactionID); err != nil {
		return nil, err
	}
	outcome, err := s.finish(r.Context(), kept, &in)
	if err != nil {
		return nil, fmt.Errorf("make code: %w", err)
	}
	if err := refused(outcome); err != nil {
		return nil, err
	}
	if outcome.Code == "" {
		// Known consent ended between the two steps: the person has to be asked.
		return nil, refuse(invalidTransaction, "the consent has ended; log in again")
	}
	t := kept.transaction
	return struct {
		Nonce       string `json:"nonce"`
		State       string `json:"state"`
		Code        string `json:"code"`
		RedirectURI string `json:"redirectUri"`
	}{t.Nonce, t.State, outcome.Code, t.RedirectURI}, nil
}

// finish may be repeated: however often, one of the codes is redeemed at most.
func (s *Surface) finish(ctx context.Context, kept *state, in *codeRequest) (*login.Outcome, error) {
	if kept.Known {
		return s.config.Steps.Resume(ctx, kept.transaction)
	}
	if err := kept.check(in); err != nil {
		return nil, err
	}
	permitted := []string{}
	for _, scope := range kept.transaction.Scopes {
		// Scopes for claims stand or fall with the claims.
		if !isResource(scope) || slices.Contains(in.Scopes, scope) {
			permitted = append(permitted, scope)
		}
	}
	return s.config.Steps.Allow(ctx, kept.transaction, in.Claims, permitted)
}

// check refuses what was never asked for, and a consent without what the client
// says it cannot do without.
func (k *state) check(in *codeRequest) error {
	asked := map[string]bool{}
	for _, shown := range claim.Show(k.transaction.Scopes, k.transaction.Claims) {
		asked[shown.Name] = true
		if shown.Essential && !slices.Contains(in.Claims, shown.Name) {
			return refuse(invalidAcceptedClaim, "acceptedClaims lacks the essential %s", shown.Name)
		}
	}
	for _, name := range in.Claims {
		if !asked[name] {
			return refuse(invalidAcceptedClaim, "acceptedClaims has %.40q, which was not asked for", name)
		}
	}
	for _, scope := range in.Scopes {
		if !isResource(scope) || !slices.Contains(k.transaction.Scopes, scope) {
			return refuse(invalidPermittedScope, "permittedAuthorizeScopes has %.40q, which was not asked for", scope)
		}
	}
	return nil
}
