package conformance

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// check verifies one credential of whichever format; holder is the key that it
// must be bound to.
func (i *issuance) check(ctx context.Context, credential string, holder members) error {
	switch format := i.configuration["format"]; format {
	case "dc+sd-jwt":
		return i.checkSDJWT(ctx, credential, holder)
	case "jwt_vc_json":
		return i.checkJWTVC(ctx, credential)
	case "mso_mdoc":
		return i.checkMdoc(credential, holder)
	default:
		return fmt.Errorf("no check for format %v", format)
	}
}

// verifyIssued returns the claims of what the credential issuer signed: by its
// certificate, or by a key of /.well-known/jwt-vc-issuer or of the token issuer.
func (p *party) verifyIssued(ctx context.Context, token, typ string) (members, error) {
	header, _, err := opened(token)
	if err != nil {
		return nil, err
	}
	if header["typ"] != typ {
		return nil, fmt.Errorf("typ is %v, want %s", header["typ"], typ)
	}
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256, jose.PS256, jose.RS256})
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	key, err := p.issuerKey(ctx, header)
	if err != nil {
		return nil, err
	}
	text, err := parsed.Verify(key)
	if err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	claims := members{}
	if err := json.Unmarshal(text, &claims); err != nil {
		return nil, fmt.Errorf("decode claims: %w", err)
	}
	return claims, nil
}

func (p *party) issuerKey(ctx context.Context, header members) (any, error) {
	if chain, _ := header["x5c"].([]any); len(chain) > 0 {
		text, _ := chain[0].(string)
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("x5c: %w", err)
		}
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("x5c: %w", err)
		}
		return leaf.PublicKey, nil
	}
	address, err := p.issuerAddress("jwt-vc-issuer")
	if err != nil {
		return nil, err
	}
	got, err := p.do(ctx, call{address: address})
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(got.json["jwks"])
	if err != nil {
		return nil, fmt.Errorf("encode keys: %w", err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(encoded, &set); err != nil {
		return nil, fmt.Errorf("decode keys of the credential issuer: %w", err)
	}
	kid, _ := header["kid"].(string)
	if keys := set.Key(kid); len(keys) == 1 {
		return keys[0], nil
	}
	return nil, fmt.Errorf("no x5c, and no key %q at %s", kid, address)
}

// checkSDJWT holds a credential to RFC 9901, 7.1 and SD-JWT VC, 3.
func (i *issuance) checkSDJWT(ctx context.Context, credential string, holder members) error {
	parts := strings.Split(credential, "~")
	if len(parts) < 2 || parts[len(parts)-1] != "" {
		return errors.New("an issued SD-JWT ends with ~ and has no key binding")
	}
	claims, err := i.p.verifyIssued(ctx, parts[0], "dc+sd-jwt")
	if err != nil {
		return err
	}
	var problems []error
	if claims["vct"] != i.configuration["vct"] {
		problems = append(problems, fmt.Errorf("vct is %v, want %v", claims["vct"], i.configuration["vct"]))
	}
	bound := object(object(claims["cnf"])["jwk"])
	if bound["x"] != holder["x"] || bound["y"] != holder["y"] {
		problems = append(problems, errors.New("bound to another key"))
	}
	if expires, given := claims["exp"].(float64); given && expires < float64(time.Now().Unix()) {
		problems = append(problems, errors.New("expired"))
	}
	problems = append(problems, checkDisclosures(claims, parts[1:len(parts)-1]))
	if status := object(object(claims["status"])["status_list"]); status != nil {
		problems = append(problems, i.p.checkStatus(ctx, status))
	}
	return errors.Join(problems...)
}

// checkDisclosures looks for the digest of every disclosure, in the claims or in
// what another disclosure discloses.
func checkDisclosures(claims members, disclosures []string) error {
	digests := digestsIn(map[string]any(claims))
	var problems []error
	for _, disclosure := range disclosures {
		text, err := base64.RawURLEncoding.DecodeString(disclosure)
		if err != nil {
			return fmt.Errorf("disclosure: %w", err)
		}
		var parts []any // salt, name of a member (not of an array), value
		if err := json.Unmarshal(text, &parts); err != nil || len(parts) < 2 || len(parts) > 3 {
			return fmt.Errorf("a disclosure has %d parts: %w", len(parts), err)
		}
		digests = append(digests, digestsIn(parts[len(parts)-1])...)
		if name, _ := parts[1].(string); len(parts) == 3 && slices.Contains([]string{"iss", "nbf", "exp", "cnf", "vct", "status"}, name) {
			problems = append(problems, fmt.Errorf("%s must not be selectively disclosable", name))
		}
	}
	for _, disclosure := range disclosures {
		hash := sha256.Sum256([]byte(disclosure))
		if !slices.Contains(digests, base64.RawURLEncoding.EncodeToString(hash[:])) {
			problems = append(problems, errors.New("a disclosure has no digest"))
		}
	}
	return errors.Join(problems...)
}

// digestsIn returns the digests of _sd and ... members at any depth.
func digestsIn(value any) []string {
	var found []string
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			all, _ := member.([]any)
			for _, digest := range all {
				if text, isText := digest.(string); isText && name == "_sd" {
					found = append(found, text)
				}
			}
			if text, isText := member.(string); isText && name == "..." {
				found = append(found, text)
			}
			found = append(found, digestsIn(member)...)
		}
	case []any:
		for _, element := range value {
			found = append(found, digestsIn(element)...)
		}
	}
	return found
}

// checkStatus looks the credential up in its list (Token Status List, 8.3).
func (p *party) checkStatus(ctx context.Context, entry members) error {
	uri, _ := entry["uri"].(string)
	got, err := p.patiently(ctx, call{address: uri, header: http.Header{"Accept": {"application/statuslist+jwt"}}})
	if err != nil {
		return err
	}
	if kind := got.header.Get("Content-Type"); got.status != http.StatusOK || !strings.HasPrefix(kind, "application/statuslist+jwt") {
		return fmt.Errorf("status list: %d %q", got.status, kind)
	}
	claims, err := p.verifyIssued(ctx, string(got.body), "statuslist+jwt")
	if err != nil {
		return fmt.Errorf("status list: %w", err)
	}
	if claims["sub"] != uri {
		return fmt.Errorf("status list is about %v, want %s", claims["sub"], uri)
	}
	status, err := statusAt(object(claims["status_list"]), entry["idx"])
	if err == nil && status != 0 {
		err = fmt.Errorf("status is %d, want 0 (valid)", status)
	}
	return err
}

// patiently makes the call again as long as the answer says so.
func (p *party) patiently(ctx context.Context, c call) (*answer, error) {
	for tries := 1; ; tries++ {
		got, err := p.do(ctx, c)
		if err != nil || got.status != http.StatusServiceUnavailable || tries == 10 {
			return got, err
		}
		seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
		if err != nil {
			return got, nil
		}
		if err := p.pause(ctx, asSeconds(seconds)); err != nil {
			return nil, err
		}
	}
}

// listLimit bounds an unpacked status list.
const listLimit = 16 << 20

func statusAt(list members, index any) (byte, error) {
	encoded, _ := list["lst"].(string)
	bits, _ := list["bits"].(float64)
	at, isNumber := index.(float64)
	compressed, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || !isNumber || !slices.Contains([]int{1, 2, 4, 8}, int(bits)) {
		return 0, fmt.Errorf("status list of %v bits, index %v: %w", list["bits"], index, err)
	}
	reader, err := zlib.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return 0, fmt.Errorf("status list: %w", err)
	}
	statuses, err := io.ReadAll(io.LimitReader(reader, listLimit))
	if err != nil {
		return 0, fmt.Errorf("status list: %w", err)
	}
	bit := int(at) * int(bits)
	if bit/8 >= len(statuses) {
		return 0, fmt.Errorf("index %v is beyond the status list", index)
	}
	return statuses[bit/8] >> (bit % 8) & (1<<int(bits) - 1), nil
}

func (i *issuance) checkJWTVC(ctx context.Context, credential string) error {
	header, _, err := opened(credential)
	if err != nil {
		return err
	}
	typ, _ := header["typ"].(string)
	claims, err := i.p.verifyIssued(ctx, credential, typ)
	if err != nil {
		return err
	}
	wanted, _ := object(i.configuration["credential_definition"])["type"].([]any)
	types, _ := object(claims["vc"])["type"].([]any)
	for _, one := range wanted {
		if !slices.Contains(types, one) {
			return fmt.Errorf("type is %v, want %v", types, wanted)
		}
	}
	return nil
}
