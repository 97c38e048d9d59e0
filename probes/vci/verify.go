package vci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/vci/sdjwt"
	"tocsin/probes/vci/statuslist"
)

// verified is what a credential says that later steps need.
type verified struct {
	issuer string
	// status is where the status of the credential is; nil where it has none.
	status *statuslist.Reference
}

// times are those of a credential or token, in seconds since 1970.
type times struct {
	IssuedAt  *float64 `json:"iat"`
	NotBefore *float64 `json:"nbf"`
	Expires   *float64 `json:"exp"`
}

func instant(seconds float64) time.Time { return time.Unix(int64(seconds), 0).UTC() }

// checkTimes allows for the clocks to be apart.
func (s *session) checkTimes(what string, t times) error {
	now, skew := s.Now(), s.MaxSkew()
	switch {
	case t.Expires != nil && !now.Before(instant(*t.Expires).Add(skew)):
		return s.WrongTime(verdict.Claims, fmt.Sprintf("%s expired at %s", what, instant(*t.Expires).Format(time.RFC3339)))
	case t.IssuedAt != nil && instant(*t.IssuedAt).After(now.Add(skew)):
		return s.WrongTime(verdict.Claims, fmt.Sprintf("%s is from the future: issued at %s", what, instant(*t.IssuedAt).Format(time.RFC3339)))
	case t.NotBefore != nil && instant(*t.NotBefore).After(now.Add(skew)):
		return s.WrongTime(verdict.Claims, fmt.Sprintf("%s is not valid before %s", what, instant(*t.NotBefore).Format(time.RFC3339)))
	}
	return nil
}

// verifySDJWT checks an SD-JWT VC as a verifier would, and as its holder that
// it is bound to the key of this run.
func (s *session) verifySDJWT(ctx context.Context, text string) error {
	credential, err := sdjwt.Parse(text, algorithms())
	if err != nil {
		return exchange.Brokenf(verdict.Content, "the credential: %v", err)
	}
	key, err := s.issuerKey(ctx, "the credential", text, credential.Header.KeyID, s.want.Issuer)
	if err != nil {
		return err
	}
	claims, err := credential.Verify(key)
	switch {
	case errors.Is(err, sdjwt.ErrSignature):
		return exchange.Brokenf(verdict.Signature, "the credential: %v", sdjwt.ErrSignature)
	case err != nil:
		return exchange.Brokenf(verdict.Content, "the credential: %v", err)
	}
	s.Figure("disclosures_total", float64(claims.Disclosures))
	if err := s.checkSDJWT(claims); err != nil {
		return err
	}
	var reference json.RawMessage
	if claims.Status != nil {
		reference = claims.Status.List
	}
	return s.remember(claims.Issuer, reference)
}

func (s *session) checkSDJWT(claims *sdjwt.Claims) error {
	switch {
	case claims.Type != s.wanted.VCT:
		return exchange.Brokenf(verdict.Claims, "the credential has the vct %q, expected %q", shorten(claims.Type), s.wanted.VCT)
	case claims.Issuer != "" && claims.Issuer != s.want.Issuer && s.roots == nil:
		return exchange.Brokenf(verdict.Claims, "the credential is issued by %q, expected %q", shorten(claims.Issuer), s.want.Issuer)
	case len(s.wanted.Proofs) == 0:
	case claims.Confirm == nil || len(claims.Confirm.JWK) == 0:
		return exchange.Brokenf(verdict.Claims, "the credential is not bound to a key (no cnf.jwk)")
	case !s.holder.is(claims.Confirm.JWK):
		return exchange.Brokenf(verdict.Claims, "the credential is bound to another key than the one that was proven")
	}
	if missing := s.missing(claims.All); missing != "" {
		return exchange.Brokenf(verdict.Claims, "the credential lacks %s, which the metadata calls mandatory", missing)
	}
	return s.checkTimes("the credential", times{IssuedAt: claims.IssuedAt, NotBefore: claims.NotBefore, Expires: claims.Expires})
}

// missing names a mandatory claim that is not there. Paths into arrays are not
// followed.
func (s *session) missing(all map[string]any) string {
	for _, claim := range s.wanted.Metadata.Claims {
		if !claim.Mandatory || there(all, claim.Path) {
			continue
		}
		return shorten(strings.Trim(fmt.Sprint(claim.Path), "[]"))
	}
	return ""
}

func there(value any, path []any) bool {
	for _, part := range path {
		name, isText := part.(string)
		if !isText {
			return true
		}
		members, isObject := value.(map[string]any)
		if !isObject {
			return false
		}
		if value, isObject = members[name]; !isObject {
			return false
		}
	}
	return true
}

// remember keeps where the status of the credential is.
func (s *session) remember(issuer string, reference json.RawMessage) error {
	if issuer == "" {
		issuer = s.want.Issuer
	}
	s.verified = verified{issuer: issuer}
	if len(reference) == 0 || string(reference) == "null" {
		return nil
	}
	var status statuslist.Reference
	if err := json.Unmarshal(reference, &status); err != nil || status.Index == nil || status.URI == "" {
		return exchange.Brokenf(verdict.Content, "status_list of the credential does not name a place in a list (Token Status List, 6.2)")
	}
	s.verified.status = &status
	return nil
}

// verifyJWTVC checks a W3C credential that is a JWT: its signature, issuer,
// type, times and holder.
func (s *session) verifyJWTVC(ctx context.Context, text string) error {
	payload, err := s.verifyJWT(ctx, "the credential", text, "", s.want.Issuer)
	if err != nil {
		return err
	}
	var claims struct {
		times
		Issuer     string `json:"iss"`
		Credential struct {
			Type []string `json:"type"`
		} `json:"vc"`
		Confirm struct {
			JWK json.RawMessage `json:"jwk"`
		} `json:"cnf"`
		Status struct {
			List json.RawMessage `json:"status_list"`
		} `json:"status"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return exchange.Brokenf(verdict.Content, "the credential cannot be read: %v", err)
	}
	for _, name := range s.wanted.Definition.Type {
		if !slices.Contains(claims.Credential.Type, name) {
			return exchange.Brokenf(verdict.Claims, "the credential is not of the type %s", shorten(name))
		}
	}
	switch {
	case claims.Issuer != s.want.Issuer && s.roots == nil:
		return exchange.Brokenf(verdict.Claims, "the credential is issued by %q, expected %q", shorten(claims.Issuer), s.want.Issuer)
	case len(claims.Confirm.JWK) > 0 && !s.holder.is(claims.Confirm.JWK):
		return exchange.Brokenf(verdict.Claims, "the credential is bound to another key than the one that was proven")
	}
	if err := s.checkTimes("the credential", claims.times); err != nil {
		return err
	}
	return s.remember(claims.Issuer, claims.Status.List)
}
