package conformance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

func profileTokenModules() []Module {
	return []Module{
		{Name: "ensure-client-id-in-token-endpoint", Check: otherClientID, refuses: true},
		{Name: "ensure-holder-of-key-required", Check: holderOfKey, refuses: true},
		{Name: "ensure-authorization-code-is-bound-to-client", Check: codeOfAnother, refuses: true},
		{Name: "attempt-reuse-authorization-code-after-one-second", Check: codeReuse(1), refuses: true},
		{Name: "ensure-token-endpoint-fails-with-expired-auth-code", Check: expiredCode, refuses: true, waits: true},
		{Name: "ensure-signed-client-assertion-with-RS256-fails", Check: assertionRS256, refuses: true},
		{Name: "ensure-client-assertion-in-token-endpoint", Check: spoiledAtToken(func(c *call) { c.client = nil }), refuses: true},
		{Name: "ensure-client-assertion-with-exp-is-5-minutes-in-past-fails", refuses: true, Check: spoiledAtToken(asserting(func(claims members) {
			claims["exp"] = time.Now().Add(-5 * time.Minute).Unix()
		}))},
		{Name: "ensure-client-assertion-with-wrong-aud-fails", refuses: true, Check: spoiledAtToken(asserting(func(claims members) {
			claims["aud"] = "https://another.example"
		}))},
		{Name: "ensure-client-assertion-with-no-sub-fails", refuses: true, Check: spoiledAtToken(asserting(func(claims members) {
			delete(claims, "sub")
		}))},
		{Name: "refresh-token", Check: profileRefresh, refuses: true, waits: true},
		{Name: "ensure-pkce-code-verifier-required", Check: verifier(func(c *call) { c.form.Del("code_verifier") }), refuses: true},
		{Name: "incorrect-pkce-code-verifier-rejected", Check: verifier(func(c *call) { c.form.Set("code_verifier", rand.Text()+rand.Text()) }), refuses: true},
	}
}

// asserting changes the claims of the client assertion.
func asserting(change func(claims members)) func(*call) {
	return func(c *call) { c.assertion = func(_, claims members) { change(claims) } }
}

func clientRefusals() []string { return []string{"invalid_client", "invalid_request"} }

// spoiledAtToken checks that a token request with changes is refused for its
// client authentication, and that the code is still good for the client after.
func spoiledAtToken(change func(*call)) check {
	return func(ctx context.Context, p *party) error {
		r := p.request()
		code, err := p.code(ctx, r)
		if err != nil {
			return err
		}
		if err := p.notRedeemed(ctx, r, code, clientRefusals(), change); err != nil {
			return err
		}
		got, err := p.redeem(ctx, r, code)
		if err != nil {
			return err
		}
		if _, err := p.tokens(ctx, got, r.values.Get("nonce")); err != nil {
			return fmt.Errorf("the code after a stranger had tried it: %w", err)
		}
		return nil
	}
}

// assertionRS256 signs with a key that is registered, but with an algorithm
// that FAPI 2.0, 5.4.1 does not allow.
func assertionRS256(ctx context.Context, p *party) error {
	if p.client.RSA == nil {
		return errors.New("the target's client has no RSA key")
	}
	return spoiledAtToken(func(c *call) {
		c.signer = p.client.RSA
		c.assertion = func(header, _ members) { header["alg"], header["kid"] = "RS256", p.client.RSAID }
	})(ctx, p)
}

// otherClientID names the second client beside the first one's assertion.
func otherClientID(ctx context.Context, p *party) error {
	r := p.request()
	code, err := p.code(ctx, r)
	if err != nil {
		return err
	}
	return p.notRedeemed(ctx, r, code, []string{"invalid_client", "invalid_request", "invalid_grant"}, func(c *call) {
		c.form.Set("client_id", p.target.ProfileSecond.ID)
	})
}

func holderOfKey(ctx context.Context, p *party) error {
	if err := p.oldTLS(ctx); err != nil {
		return err
	}
	r := p.request()
	code, err := p.code(ctx, r)
	if err != nil {
		return err
	}
	return p.notRedeemed(ctx, r, code, proofRefusals(), func(c *call) { c.unbound = true })
}

func codeOfAnother(ctx context.Context, p *party) error {
	r := p.request()
	code, err := p.code(ctx, r)
	if err != nil {
		return err
	}
	second := p.as(p.target.ProfileSecond)
	return second.notRedeemed(ctx, r, code, []string{"invalid_grant"}, func(c *call) {
		c.form.Set("redirect_uri", p.client.RedirectURI)
	})
}

// codeLife is the longest that a code may live (FAPI 2.0, 5.3.2.1).
const codeLife = 60 * time.Second

func expiredCode(ctx context.Context, p *party) error {
	r := p.request()
	code, err := p.code(ctx, r)
	if err != nil {
		return err
	}
	if err := p.pause(ctx, codeLife+2*time.Second); err != nil {
		return err
	}
	return p.notRedeemed(ctx, r, code, []string{"invalid_grant"})
}

func verifier(change func(*call)) check {
	return func(ctx context.Context, p *party) error {
		r := p.request()
		code, err := p.code(ctx, r)
		if err != nil {
			return err
		}
		return p.notRedeemed(ctx, r, code, []string{"invalid_grant", "invalid_request"}, change)
	}
}

// profileRefresh also repeats a refresh whose answer was lost, 30 seconds
// later (FAPI 2.0, 5.3.2.1-9).
func profileRefresh(ctx context.Context, p *party) error {
	first, err := p.enter(ctx)
	if err != nil {
		return err
	}
	if first.refresh == "" {
		return errors.New("no refresh token for a client that is registered for them")
	}
	if _, err := p.refreshed(ctx, first); err != nil {
		return err
	}
	if err := p.pause(ctx, 30*time.Second); err != nil {
		return err
	}
	again, err := p.refreshed(ctx, first)
	if err != nil {
		return fmt.Errorf("the refresh token whose answer was lost: %w", err)
	}
	if again.refresh == "" {
		again.refresh = first.refresh
	}
	second := p.as(p.target.ProfileSecond)
	got, err := second.refresh(ctx, again.refresh)
	if err != nil {
		return err
	}
	if err := got.refused("invalid_grant"); err != nil {
		return fmt.Errorf("refresh token of another client: %w", err)
	}
	unproven, err := p.refresh(ctx, again.refresh, func(c *call) { c.unbound = true })
	if err != nil {
		return err
	}
	if err := unproven.refused(proofRefusals()...); err != nil {
		return fmt.Errorf("refresh without a proof: %w", err)
	}
	return nil
}
