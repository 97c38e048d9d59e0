package identity_test

import (
	"bytes"
	"compress/zlib"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// issued is an answer of the credential or the deferred endpoint.
type issued struct {
	Credentials    []struct{ Credential string }
	NotificationID string `json:"notification_id"`
	TransactionID  string `json:"transaction_id"`
	Interval       int    `json:"interval"`
	Error          string `json:"error"`

	answer *document
}

// one is the only credential in an answer.
func (i *issued) one(t testing.TB) string {
	t.Helper()
	if i.answer.status != http.StatusOK || len(i.Credentials) != 1 {
		t.Fatalf("credential: %d %s", i.answer.status, i.answer.body)
	}
	return i.Credentials[0].Credential
}

func issuedIn(t testing.TB, answer *document) *issued {
	t.Helper()
	got := &issued{answer: answer}
	decode(t, answer, got)
	return got
}

// proofs proves keys for one credential each, with a nonce of a zone.
func (p *party) proofs(gateway string, keys ...*ecdsa.PrivateKey) map[string]any {
	p.t.Helper()
	var nonce struct {
		Nonce string `json:"c_nonce"`
	}
	decode(p.t, p.post(gateway+"/vci/nonce", nil), &nonce)
	var texts []string
	for _, key := range keys {
		options := (&jose.SignerOptions{EmbedJWK: true}).WithType("openid4vci-proof+jwt")
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
		if err != nil {
			p.t.Fatal(err)
		}
		text, err := jwt.Signed(signer).Claims(map[string]any{"aud": shared.issuer, "iat": time.Now().Unix(), "nonce": nonce.Nonce}).Serialize()
		if err != nil {
			p.t.Fatal(err)
		}
		texts = append(texts, text)
	}
	return map[string]any{"jwt": texts}
}

// credential asks a zone for credentials, by configuration or identifier, with
// a nonce of the other zone.
func (p *party) credential(gateway, access, by, id string, keys ...*ecdsa.PrivateKey) *issued {
	p.t.Helper()
	other := gateways()[0]
	if other == gateway {
		other = gateways()[1]
	}
	body := mustJSON(p.t, map[string]any{by: id, "proofs": p.proofs(other, keys...)})
	return issuedIn(p.t, p.fetch(http.MethodPost, gateway, "/vci/credential", access, body))
}

const (
	byConfiguration = "credential_configuration_id"
	byIdentifier    = "credential_identifier"
)

// invite has a relying party offer credentials to a person, and returns the
// code and the transaction code after reading the offer where the wallet does.
func (p *party) invite(individualID string, configurations ...string) (code, txCode string) {
	p.t.Helper()
	access := p.obtain("openid credential_offer", individualID).Access
	answer := p.fetch(http.MethodPost, here(), "/vci/offers", access, mustJSON(p.t, map[string]any{
		"credential_configuration_ids": configurations, "tx_code": map[string]any{"length": 6},
	}))
	var made struct {
		Address   string         `json:"credential_offer_uri"`
		Reference string         `json:"by_reference"`
		TxCode    string         `json:"tx_code"`
		Offer     map[string]any `json:"credential_offer"`
	}
	if decode(p.t, answer, &made); answer.status != http.StatusCreated || len(made.TxCode) != 6 || !strings.HasPrefix(made.Reference, "openid-credential-offer://") {
		p.t.Fatalf("offer: %d %s", answer.status, answer.body)
	}
	var read map[string]any
	decode(p.t, newBrowser(p.t).get(strings.Replace(made.Address, here(), there(), 1)), &read)
	if !reflect.DeepEqual(read, made.Offer) || read["credential_issuer"] != shared.issuer || strings.Contains(mustJSON(p.t, read), made.TxCode) {
		p.t.Fatalf("offer by reference: %v, made %v", read, made.Offer)
	}
	grant := read["grants"].(map[string]any)["urn:ietf:params:oauth:grant-type:pre-authorized_code"].(map[string]any)
	return grant["pre-authorized_code"].(string), made.TxCode
}

func preAuthorized(code, txCode string) []string {
	return []string{"grant_type", "urn:ietf:params:oauth:grant-type:pre-authorized_code", "pre-authorized_code", code, "tx_code", txCode}
}

// accept redeems an offer.
func (p *party) accept(gateway, code, txCode string) string {
	p.t.Helper()
	got := p.token(gateway, preAuthorized(code, txCode)...)
	if got.Access == "" {
		p.t.Fatalf("pre-authorized code: %d %s", got.answer.status, got.answer.body)
	}
	return got.Access
}

// authority is what a verifier trusts.
func authority(t testing.TB) x509.VerifyOptions {
	t.Helper()
	pool := x509.NewCertPool()
	if answer := newBrowser(t).get(there() + "/vci/roots.pem"); !pool.AppendCertsFromPEM([]byte(answer.body)) {
		t.Fatalf("roots: %d %s", answer.status, answer.body)
	}
	return x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
}

// trusted verifies a JWT with the certificate in it, that with the roots, and
// reads the claims.
func trusted(t testing.TB, text string, into any) {
	t.Helper()
	object, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	chains, err := object.Signatures[0].Header.Certificates(authority(t))
	if err != nil {
		t.Fatalf("certificate chain: %v", err)
	}
	payload, err := object.Verify(chains[0][0].PublicKey)
	if err != nil {
		t.Fatalf("signature: %v", err)
	}
	if err := json.Unmarshal(payload, into); err != nil {
		t.Fatal(err)
	}
}

// national is what the tests look at in a JWT credential.
type national struct {
	ID           string `json:"jti"`
	Type         string `json:"vct"`
	Issuer       string `json:"iss"`
	Confirmation struct {
		JWK jose.JSONWebKey `json:"jwk"`
	} `json:"cnf"`
	Status struct {
		List entry `json:"status_list"`
	} `json:"status"`
	VC struct {
		Type    []string       `json:"type"`
		Subject map[string]any `json:"credentialSubject"`
	} `json:"vc"`
}

// entry is where the status of a credential is.
type entry struct {
	Index int    `json:"idx" cbor:"idx"`
	URI   string `json:"uri" cbor:"uri"`
}

// held verifies an SD-JWT as its holder with key does and returns what is
// disclosed in it.
func held(t testing.TB, credential string, key *ecdsa.PrivateKey) (*national, map[string]any) {
	t.Helper()
	parts := strings.Split(credential, "~")
	told := &national{}
	trusted(t, parts[0], told)
	if !key.PublicKey.Equal(told.Confirmation.JWK.Key) {
		t.Error("the credential is bound to another key")
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(parts[0], ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	disclosed := map[string]any{}
	for _, disclosure := range parts[1 : len(parts)-1] {
		hash := sha256.Sum256([]byte(disclosure))
		if !strings.Contains(string(payload), `"`+base64.RawURLEncoding.EncodeToString(hash[:])+`"`) {
			continue // within another disclosure
		}
		text, err := base64.RawURLEncoding.DecodeString(disclosure)
		if err != nil {
			t.Fatal(err)
		}
		var member []any
		if err := json.Unmarshal(text, &member); err != nil || len(member) != 3 {
			t.Fatalf("disclosure %s: %v", text, err)
		}
		disclosed[member[1].(string)] = member[2]
	}
	return told, disclosed
}

// invalid reads the status of a credential in a zone (Token Status List, 8.3).
// An error means that nothing is published yet.
func (e entry) invalid(t testing.TB, b *browser, gateway string) (bool, error) {
	t.Helper()
	answer := b.get(strings.Replace(e.URI, here(), gateway, 1))
	if answer.status == http.StatusServiceUnavailable && answer.header.Get("Retry-After") != "" {
		return false, errors.New(answer.body)
	}
	if answer.status != http.StatusOK || answer.header.Get("Content-Type") != "application/statuslist+jwt" {
		t.Fatalf("status list: %d %s", answer.status, answer.body)
	}
	var list struct {
		Subject string `json:"sub"`
		List    struct {
			Bits int    `json:"bits"`
			Text string `json:"lst"`
		} `json:"status_list"`
	}
	trusted(t, answer.body, &list)
	if list.Subject != e.URI || list.List.Bits != 1 {
		t.Fatalf("status list %s with %d bits, want %s", list.Subject, list.List.Bits, e.URI)
	}
	compressed, err := base64.RawURLEncoding.DecodeString(list.List.Text)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := zlib.NewReader(bytes.NewReader(compressed))
	if err != nil {
		t.Fatal(err)
	}
	bits, err := io.ReadAll(io.LimitReader(reader, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return bits[e.Index/8]&(1<<(e.Index%8)) != 0, nil
}

// mustBe waits until both zones say of the entry whether it is invalid.
func (e entry) mustBe(t testing.TB, invalid bool) {
	t.Helper()
	b := newBrowser(t)
	published := func() error {
		for _, gateway := range gateways() {
			got, err := e.invalid(t, b, gateway)
			if err != nil {
				return fmt.Errorf("%s says nothing of entry %d: %w", gateway, e.Index, err)
			}
			if got != invalid {
				return fmt.Errorf("%s says of entry %d: invalid is %t", gateway, e.Index, got)
			}
		}
		return nil
	}
	if err := await(t.Context(), 15*time.Second, published); err != nil {
		t.Error(err)
	}
}
