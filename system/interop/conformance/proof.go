package conformance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

func proofModules() []Module {
	return []Module{
		{Name: "check-dpop-proof-nbf-exp", Check: proofWithTimes},
		{Name: "ensure-dpopproof-with-iat-10seconds-before-succeeds", Check: skewed(-10 * time.Second)},
		{Name: "ensure-dpopproof-with-iat-10seconds-after-succeeds", Check: skewed(10 * time.Second)},
		{Name: "ensure-mismatched-dpop-jkt-fails", Check: otherThumbprintAtPush, refuses: true},
		{Name: "ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt", Check: otherKeyAtToken, refuses: true},
		{Name: "ensure-token-endpoint-fails-with-mismatched-dpop-jkt", Check: otherThumbprintAtToken, refuses: true},
		{Name: "ensure-dpopproof-at-par-endpoint-binding-success", Check: happyFlow},
		{Name: "ensure-dpop-auth-code-binding-success", Check: thumbprintBinds},
		{Name: "dpop-negative-tests", Check: badProofs, refuses: true},
	}
}

// proofRefusals are what a provider may call a proof that it does not take.
func proofRefusals() []string {
	return []string{"invalid_dpop_proof", "invalid_request", "invalid_grant", "invalid_token", "use_dpop_nonce"}
}

// ownThumbprint is the dpop_jkt of the party's key (RFC 9449, 10).
func (p *party) ownThumbprint() (string, error) {
	jwk, err := publicJWK(p.key)
	if err != nil {
		return "", err
	}
	return thumbprint(jwk), nil
}

func proofWithTimes(ctx context.Context, p *party) error {
	t, err := p.enter(ctx)
	if err != nil {
		return err
	}
	_, err = p.profile(ctx, t, func(c *call) {
		c.proof = func(_, claims members) {
			claims["nbf"], claims["exp"] = time.Now().Unix(), time.Now().Add(time.Minute).Unix()
		}
	})
	return err
}

func skewed(by time.Duration) check {
	return func(ctx context.Context, p *party) error {
		p.skew = by
		return happyFlow(ctx, p)
	}
}

func otherThumbprintAtPush(ctx context.Context, p *party) error {
	jkt, err := p.ownThumbprint()
	if err != nil {
		return err
	}
	if err := p.renew(); err != nil {
		return err
	}
	got, err := p.push(ctx, p.request(with("dpop_jkt", jkt)))
	if err != nil {
		return err
	}
	return got.refused(proofRefusals()...)
}

func otherKeyAtToken(ctx context.Context, p *party) error {
	r := p.request()
	code, err := p.code(ctx, r)
	if err != nil {
		return err
	}
	if err := p.renew(); err != nil {
		return err
	}
	return p.notRedeemed(ctx, r, code, proofRefusals())
}

// notRedeemed checks that the token endpoint refuses code.
func (p *party) notRedeemed(ctx context.Context, r *request, code string, kinds []string, change ...func(*call)) error {
	got, err := p.redeem(ctx, r, code, change...)
	if err != nil {
		return err
	}
	return got.refused(kinds...)
}

// otherThumbprintAtToken pushes without a proof but with a thumbprint.
func otherThumbprintAtToken(ctx context.Context, p *party) error {
	jkt, err := p.ownThumbprint()
	if err != nil {
		return err
	}
	r := p.request(with("dpop_jkt", jkt))
	requestURI, err := p.pushed(ctx, r, func(c *call) { c.unbound = true })
	if err != nil {
		return err
	}
	page, err := p.visit(ctx, requestURI)
	if err != nil {
		return err
	}
	visit, err := p.browser.LogIn(ctx, page, p.person, "allow")
	if err != nil {
		return err
	}
	code, err := p.granted(r, visit)
	if err != nil {
		return err
	}
	if err := p.renew(); err != nil {
		return err
	}
	return p.notRedeemed(ctx, r, code, proofRefusals())
}

func thumbprintBinds(ctx context.Context, p *party) error {
	jkt, err := p.ownThumbprint()
	if err != nil {
		return err
	}
	return succeeds(with("dpop_jkt", jkt))(ctx, p)
}

// badProof is one way in which a proof is wrong.
type badProof struct {
	name   string
	change func(*call)
}

// claimed and headed change the proof that the call would send.
func claimed(change func(claims members)) func(*call) {
	return func(c *call) { c.proof = func(_, claims members) { change(claims) } }
}

func headed(change func(header members)) func(*call) {
	return func(c *call) { c.proof = func(header, _ members) { change(header) } }
}

func badProofList(other *ecdsa.PrivateKey, private members) []badProof {
	list := []badProof{
		{"no proof", func(c *call) { c.unbound, c.scheme = true, "DPoP" }},
		{"a downgrade to Bearer", func(c *call) { c.unbound, c.scheme = true, "Bearer" }},
		{"a downgrade to Bearer with the proof", func(c *call) { c.scheme = "Bearer" }},
		{"two proofs", func(c *call) { c.forge = func(proof string) []string { return []string{proof, proof} } }},
		{"a malformed proof", func(c *call) { c.forge = func(string) []string { return []string{"not-a-jwt"} } }},
		{"a wrong signature", func(c *call) { c.forge = func(proof string) []string { return []string{spoil(proof)} } }},
		{"no signature", headed(func(h members) { h["alg"] = "none" })},
		{"the alg of another kind of key", headed(func(h members) { h["alg"] = "RS256" })},
		{"the typ of another token", headed(func(h members) { h["typ"] = "JWT" })},
		{"the private key in the header", headed(func(h members) { h["jwk"] = private })},
		{"the key of somebody else", headed(func(h members) { h["jwk"], _ = publicJWK(other) })},
		{"another method", claimed(func(c members) { c["htm"] = http.MethodPut })},
		{"another address", claimed(func(c members) { c["htu"] = "https://elsewhere.example/userinfo" })},
		{"another path", claimed(func(c members) { c["htu"] = fmt.Sprint(c["htu"], "/more") })},
		// A nonce may take the place of iat (RFC 9449, 11.1), so these have none.
		{"an iat an hour ago", claimed(func(c members) { delete(c, "nonce"); c["iat"] = time.Now().Add(-time.Hour).Unix() })},
		{"an iat in an hour", claimed(func(c members) { delete(c, "nonce"); c["iat"] = time.Now().Add(time.Hour).Unix() })},
		{"the hash of another token", claimed(func(c members) { c["ath"] = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo" })},
		{"another key of its own", func(c *call) {
			c.proofBy = other
			c.proof = func(header, _ members) { header["jwk"], _ = publicJWK(other) }
		}},
	}
	for _, name := range []string{"typ", "alg", "jwk"} {
		list = append(list, badProof{"no " + name, headed(func(h members) { delete(h, name) })})
	}
	for _, name := range []string{"jti", "htm", "htu", "iat", "ath"} {
		list = append(list, badProof{"no " + name, claimed(func(c members) { delete(c, name) })})
	}
	return list
}

// badProofs tries every wrong proof at the protected resource, and some that
// look odd but are right (RFC 9449, 4.3).
func badProofs(ctx context.Context, p *party) error {
	t, err := p.enter(ctx)
	if err != nil {
		return err
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	private, err := privateJWK(p.key)
	if err != nil {
		return err
	}
	var problems []error
	for _, bad := range badProofList(other, private) {
		got, err := p.userinfo(ctx, t.access, bad.change)
		if err == nil {
			err = got.refused()
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("proof with %s: %w", bad.name, err))
		}
	}
	problems = append(problems, p.replayed(ctx, t), p.oddButRight(ctx, t))
	return errors.Join(problems...)
}

// replayed uses one jti twice.
func (p *party) replayed(ctx context.Context, t *tokens) error {
	same := rand.Text()
	repeat := claimed(func(c members) { c["jti"] = same })
	if _, err := p.profile(ctx, t, repeat); err != nil {
		return fmt.Errorf("first use of a jti: %w", err)
	}
	got, err := p.userinfo(ctx, t.access, repeat)
	if err == nil {
		err = got.refused()
	}
	if err != nil {
		return fmt.Errorf("second use of a jti: %w", err)
	}
	return nil
}

func (p *party) oddButRight(ctx context.Context, t *tokens) error {
	var problems []error
	for name, change := range map[string]func(*call){
		"further claims": claimed(func(c members) { c["extra"] = "foobar" }),
		"further header": headed(func(h members) { h["extra"] = "foobar" }),
		"htu in capitals": claimed(func(c members) {
			if htu, err := url.Parse(fmt.Sprint(c["htu"])); err == nil {
				c["htu"] = strings.ToUpper(htu.Scheme+"://"+htu.Host) + htu.Path
			}
		}),
	} {
		if _, err := p.profile(ctx, t, change); err != nil {
			problems = append(problems, fmt.Errorf("proof with %s: %w", name, err))
		}
	}
	return errors.Join(problems...)
}
