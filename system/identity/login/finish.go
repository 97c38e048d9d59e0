package login

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"tocsin/system/identity/claim"
	"tocsin/system/identity/code"
	"tocsin/system/identity/grant"
	"tocsin/system/identity/policy"
	"tocsin/system/identity/spent"
	"tocsin/system/identity/store"
	"tocsin/system/identity/transaction"
)

// Resume continues a transaction whose person is known: with the code when
// they have allowed before what is asked now, with consent otherwise.
func (s *Service) Resume(ctx context.Context, t *transaction.Transaction) (*Outcome, error) {
	known, err := s.knownConsent(ctx, t)
	if err != nil {
		return nil, err
	}
	if known == nil {
		return &Outcome{Transaction: t}, nil
	}
	return s.finish(ctx, t, known)
}

// knownConsent reads from a replica, never from the server that takes writes:
// whoever has consented is not made to wait for a failover.
func (s *Service) knownConsent(ctx context.Context, t *transaction.Transaction) (*grant.Grant, error) {
	if t.Asks("consent") {
		return nil, nil
	}
	known, err := s.Grants.Latest(ctx, t.ClientID, t.Session.Person)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err := s.Judge.Err(ctx, policy.ReadConsent, err); err != nil {
		return nil, fmt.Errorf("look for consent: %w", err)
	}
	if !known.Covers(s.Now(), t.Scopes, t.RequestedClaims()) {
		return nil, nil
	}
	return known, nil
}

// finish completes the request and seals the code. The code's id follows from
// the transaction: however often the step is repeated, one of its codes is
// redeemed at most.
func (s *Service) finish(ctx context.Context, t *transaction.Transaction, under *grant.Grant) (*Outcome, error) {
	now := s.Now()
	completed, err := s.complete(ctx, t)
	if err != nil {
		return nil, err
	}
	if !completed {
		return &Outcome{Location: s.refusal(t, "invalid_request_uri", "the pushed request was completed before")}, nil
	}
	allowed := slices.DeleteFunc(claim.Requested(t.Scopes, t.Claims), func(name string) bool {
		return !slices.Contains(under.Allowed, name)
	})
	plain, err := s.Codes.Seal(&code.Code{
		ID:       s.Keys.Grant("code", t.ID, t.Session.Person),
		ClientID: t.ClientID, RedirectURI: t.RedirectURI, Person: t.Session.Person,
		Scopes: both(t.Scopes, under.Scopes), GrantID: under.ID, Nonce: t.Nonce, CodeChallenge: t.CodeChallenge,
		DPoPThumbprint: t.DPoPThumbprint, SessionID: t.Session.ID, AuthTime: t.Session.AuthTime,
		ACR: t.Session.ACR, AMR: t.Session.AMR,
		Allowed:   both(claim.Requested(t.Scopes, t.Claims.AtUserinfo()), allowed),
		InIDToken: both(t.Claims.IDTokenNames(), allowed),
		// auth_time is required then (OpenID Connect Core, 2).
		ShowAuthTime:   t.MaxAge >= 0 || t.Claims.AuthTime,
		Configurations: t.Configurations, IssuerState: t.IssuerState, Resource: t.Resource,
		Expires: now.Add(s.CodeLife).Truncate(time.Second),
	})
	if err != nil {
		return nil, fmt.Errorf("make code: %w", err)
	}
	return &Outcome{Location: t.Callback(s.Issuer, url.Values{"code": {plain}}), Code: plain}, nil
}

// complete marks a pushed request as used: it may be visited again and again
// until then (FAPI 2.0 Security Profile, 5.3.2.2). The mark is as old as the
// youngest transaction that the request may have begun.
func (s *Service) complete(ctx context.Context, t *transaction.Transaction) (bool, error) {
	if t.Pushed == "" {
		return true, nil
	}
	mark := spent.Mark{Kind: spent.Request, ID: t.Pushed, Life: t.Expires.Sub(s.Now()) + transaction.PushedLife}
	err := s.Marks.Spend(ctx, t.ID, mark)
	if _, consumed := spent.Consumed(err); consumed {
		return false, nil
	}
	if err := s.Judge.Err(ctx, policy.CompleteRequest, err); err != nil {
		return false, fmt.Errorf("complete pushed request: %w", err)
	}
	return true, nil
}

// both returns those of some that are in all.
func both(some, all []string) []string {
	kept := make([]string, 0, len(some))
	for _, one := range some {
		if slices.Contains(all, one) {
			kept = append(kept, one)
		}
	}
	return kept
}
