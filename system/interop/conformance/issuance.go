package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// issuance is one access token for credentials of one configuration.
type issuance struct {
	p             *party
	meta          members
	id            string
	configuration members
	identifier    string // that the token response names, "" for none
	tokens        *tokens
}

// object returns value as a JSON object, nil if it is none.
func object(value any) members {
	switch value := value.(type) {
	case members:
		return value
	case map[string]any:
		return value
	default:
		return nil
	}
}

// issuerAddress puts a well-known name between host and path (OpenID4VCI, 12.2.2).
func (p *party) issuerAddress(name string) (string, error) {
	parsed, err := url.Parse(p.target.Issuer)
	if err != nil {
		return "", fmt.Errorf("issuer: %w", err)
	}
	parsed.Path = "/.well-known/" + name + strings.TrimSuffix(parsed.Path, "/")
	return parsed.String(), nil
}

func (p *party) issuerMetadata(ctx context.Context) (members, error) {
	address, err := p.issuerAddress("openid-credential-issuer")
	if err != nil {
		return nil, err
	}
	got, err := p.do(ctx, call{address: address, header: http.Header{"Accept": {"application/json"}}})
	if err != nil {
		return nil, err
	}
	if err := got.accepted(http.StatusOK); err != nil {
		return nil, fmt.Errorf("issuer metadata: %w", err)
	}
	if kind := got.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		return nil, fmt.Errorf("issuer metadata: Content-Type %q", kind)
	}
	return got.json, nil
}

// access logs in for credentials of configuration id, "" for the first that is
// issued at once. It asks by scope where there is one, else by details.
func (p *party) access(ctx context.Context, id string) (*issuance, error) {
	meta, err := p.issuerMetadata(ctx)
	if err != nil {
		return nil, err
	}
	configurations := object(meta["credential_configurations_supported"])
	if id == "" {
		id = firstSDJWT(configurations)
	}
	i := &issuance{p: p, meta: meta, id: id, configuration: object(configurations[id])}
	if p.client.Public && p.key == nil {
		if err := p.renew(); err != nil {
			return nil, err
		}
	}
	change := []func(url.Values){with("scope", fmt.Sprint(i.configuration["scope"])), without("nonce")}
	if i.configuration["scope"] == nil {
		details, err := json.Marshal([]members{{"type": "openid_credential", "credential_configuration_id": id}})
		if err != nil {
			return nil, fmt.Errorf("encode authorization details: %w", err)
		}
		change = []func(url.Values){with("authorization_details", string(details)), without("scope", "nonce")}
	}
	r := p.request(change...)
	code, err := p.code(ctx, r)
	if err != nil {
		return nil, err
	}
	got, err := p.redeem(ctx, r, code)
	if err != nil {
		return nil, err
	}
	if i.tokens, err = p.tokens(ctx, got, ""); err != nil {
		return nil, err
	}
	return i, i.readDetails(got)
}

// firstSDJWT prefers what is usual: a dc+sd-jwt that is not reviewed first.
func firstSDJWT(configurations members) string {
	ids := slices.Sorted(maps.Keys(configurations))
	for _, id := range ids {
		if object(configurations[id])["format"] == "dc+sd-jwt" && strings.HasSuffix(id, "sd_jwt") {
			return id
		}
	}
	return append(ids, "")[0]
}

// readDetails takes the identifier that a token response names (OpenID4VCI, 6.2).
func (i *issuance) readDetails(got *answer) error {
	details, _ := got.json["authorization_details"].([]any)
	for _, value := range details {
		detail := object(value)
		identifiers, _ := detail["credential_identifiers"].([]any)
		if detail["credential_configuration_id"] != i.id {
			continue
		}
		if len(identifiers) == 0 {
			return errors.New("authorization details without credential_identifiers")
		}
		i.identifier, _ = identifiers[0].(string)
	}
	return nil
}

// body is a credential request with proofs (OpenID4VCI, 8.2).
func (i *issuance) body(proofs ...string) members {
	body := members{"credential_configuration_id": i.id}
	if i.identifier != "" {
		body = members{"credential_identifier": i.identifier}
	}
	if len(proofs) > 0 {
		body["proofs"] = members{"jwt": proofs}
	}
	return body
}

// ask sends a credential request. One that asks for an encrypted response is
// itself encrypted if the issuer can read that (OpenID4VCI, 8.2 and 10).
func (i *issuance) ask(ctx context.Context, body members, change ...func(*call)) (*answer, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode credential request: %w", err)
	}
	address, _ := i.meta["credential_endpoint"].(string)
	c := call{address: address, body: text, token: i.tokens.access}
	if encryption := object(i.meta["credential_request_encryption"]); encryption != nil && body["credential_response_encryption"] != nil {
		if c.body, err = encrypted(encryption, text); err != nil {
			return nil, err
		}
		c.kind = "application/jwt"
	}
	for _, spoil := range change {
		spoil(&c)
	}
	return i.p.do(ctx, c)
}

// encrypted returns text as a JWE for the first key of the issuer.
func encrypted(encryption members, text []byte) ([]byte, error) {
	encoded, err := json.Marshal(encryption["jwks"])
	if err != nil {
		return nil, fmt.Errorf("encode keys: %w", err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(encoded, &set); err != nil {
		return nil, fmt.Errorf("decode encryption keys: %w", err)
	}
	offered, _ := encryption["enc_values_supported"].([]any)
	if len(set.Keys) == 0 || len(offered) == 0 {
		return nil, fmt.Errorf("credential_request_encryption is %v", encryption)
	}
	recipient := jose.Recipient{Algorithm: jose.KeyAlgorithm(set.Keys[0].Algorithm), Key: set.Keys[0]}
	encrypter, err := jose.NewEncrypter(jose.ContentEncryption(fmt.Sprint(offered[0])), recipient, nil)
	if err != nil {
		return nil, fmt.Errorf("encrypt credential request: %w", err)
	}
	made, err := encrypter.Encrypt(text)
	if err != nil {
		return nil, fmt.Errorf("encrypt credential request: %w", err)
	}
	compact, err := made.CompactSerialize()
	return []byte(compact), err
}

// fetch asks for count credentials, verifies each and notifies the issuer.
func (i *issuance) fetch(ctx context.Context, count int, notify bool) error {
	var proofs []string
	var keys []members
	for range count {
		proof, key, err := i.newProof(ctx, nil)
		if err != nil {
			return err
		}
		proofs, keys = append(proofs, proof), append(keys, key)
	}
	got, err := i.ask(ctx, i.body(proofs...))
	if err == nil {
		got, err = i.await(ctx, got)
	}
	if err != nil {
		return err
	}
	if err := got.accepted(http.StatusOK); err != nil {
		return fmt.Errorf("credential response: %w", err)
	}
	credentials, _ := got.json["credentials"].([]any)
	if len(credentials) != count {
		return fmt.Errorf("%d credentials for %d proofs", len(credentials), count)
	}
	for n, value := range credentials {
		text, _ := object(value)["credential"].(string)
		if err := i.check(ctx, text, keys[n]); err != nil {
			return fmt.Errorf("credential %d: %w", n+1, err)
		}
	}
	if !notify {
		return nil
	}
	return i.notify(ctx, got.text("notification_id"))
}

// await asks for what is deferred until it is there (OpenID4VCI, 9).
func (i *issuance) await(ctx context.Context, got *answer) (*answer, error) {
	address, _ := i.meta["deferred_credential_endpoint"].(string)
	for got.status == http.StatusAccepted {
		seconds, _ := got.json["interval"].(float64)
		transaction := got.text("transaction_id")
		if transaction == "" || seconds <= 0 || seconds > 30 {
			return nil, fmt.Errorf("deferred answer: %s", got)
		}
		if err := i.p.pause(ctx, asSeconds(int(seconds))); err != nil {
			return nil, err
		}
		body, err := json.Marshal(members{"transaction_id": transaction})
		if err != nil {
			return nil, fmt.Errorf("encode deferred request: %w", err)
		}
		if got, err = i.p.do(ctx, call{address: address, body: body, token: i.tokens.access}); err != nil {
			return nil, err
		}
	}
	return got, nil
}

// notify tells the issuer twice, because it must not mind (OpenID4VCI, 11).
func (i *issuance) notify(ctx context.Context, id string) error {
	address, _ := i.meta["notification_endpoint"].(string)
	if address == "" || id == "" {
		return nil
	}
	body, err := json.Marshal(members{"notification_id": id, "event": "credential_accepted"})
	if err != nil {
		return fmt.Errorf("encode notification: %w", err)
	}
	for range 2 {
		got, err := i.p.do(ctx, call{address: address, body: body, token: i.tokens.access})
		if err != nil {
			return err
		}
		if err := got.accepted(http.StatusNoContent); err != nil {
			return fmt.Errorf("notification: %w", err)
		}
	}
	return nil
}
