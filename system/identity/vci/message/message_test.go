package message_test

import (
	"crypto/ecdsa"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/vci/message"
	"tocsin/system/identity/vci/vcitest"
)

func newKeys(t testing.TB, secrets ...string) *message.Keys {
	t.Helper()
	raw := make([][]byte, len(secrets))
	for i, secret := range secrets {
		raw[i] = []byte(secret)
	}
	keys, err := message.NewKeys(raw...)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// encrypt does what a wallet does with the metadata.
func encrypt(t testing.TB, key jose.JSONWebKey, enc jose.ContentEncryption, zip jose.CompressionAlgorithm, text string) string {
	t.Helper()
	recipient := jose.Recipient{Algorithm: jose.KeyAlgorithm(key.Algorithm), Key: key.Key, KeyID: key.KeyID}
	encrypter, err := jose.NewEncrypter(enc, recipient, &jose.EncrypterOptions{Compression: zip})
	if err != nil {
		t.Fatal(err)
	}
	object, err := encrypter.Encrypt([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func read(t testing.TB, keys *message.Keys, kind string, body io.Reader) (*message.Request, error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/vci/credential", body)
	r.Header.Set("Content-Type", kind)
	return keys.Read(httptest.NewRecorder(), r)
}

func TestARequestEncryptedInOneZoneOpensInAnother(t *testing.T) {
	published := newKeys(t, "secret").Public().Keys[0]
	for _, keys := range []*message.Keys{newKeys(t, "secret"), newKeys(t, "newer secret", "secret")} {
		for _, enc := range []jose.ContentEncryption{jose.A128GCM, jose.A256GCM} {
			for _, zip := range []jose.CompressionAlgorithm{jose.NONE, jose.DEFLATE} {
				request, err := read(t, keys, "application/jwt", strings.NewReader(encrypt(t, published, enc, zip, `{"a":1}`)))
				if err != nil || !request.Encrypted || string(request.JSON) != `{"a":1}` {
					t.Errorf("%s %s: %v %v", enc, zip, request, err)
				}
			}
		}
	}
}

func TestRequestsThatCannotBeRead(t *testing.T) {
	keys := newKeys(t, "secret")
	own := keys.Public().Keys[0]
	other := newKeys(t, "other").Public().Keys[0]
	mixed := other
	mixed.KeyID = own.KeyID
	wrapped := own
	wrapped.Algorithm = string(jose.ECDH_ES_A128KW)
	for _, test := range []struct {
		name, kind string
		body       io.Reader
		want       oautherr.Kind
	}{
		{"no content type", "", strings.NewReader("{}"), oautherr.InvalidCredentialRequest},
		{"a form", "application/x-www-form-urlencoded", strings.NewReader("a=b"), oautherr.InvalidCredentialRequest},
		{"too large", "application/json", strings.NewReader(strings.Repeat(" ", 1<<20)), oautherr.InvalidCredentialRequest},
		{"an unknown key", "application/jwt", strings.NewReader(encrypt(t, other, jose.A128GCM, "", "{}")), oautherr.InvalidEncryptionParameters},
		{"another key under our name", "application/jwt", strings.NewReader(encrypt(t, mixed, jose.A128GCM, "", "{}")), oautherr.InvalidEncryptionParameters},
		{"another algorithm", "application/jwt", strings.NewReader(encrypt(t, wrapped, jose.A128GCM, "", "{}")), oautherr.InvalidEncryptionParameters},
		{"another encryption", "application/jwt", strings.NewReader(encrypt(t, own, jose.A192GCM, "", "{}")), oautherr.InvalidEncryptionParameters},
		{"JSON as a JWT", "application/jwt", strings.NewReader("{}"), oautherr.InvalidEncryptionParameters},
		{"a bomb", "application/jwt", strings.NewReader(encrypt(t, own, jose.A128GCM, jose.DEFLATE, strings.Repeat(" ", 64<<20))), oautherr.InvalidEncryptionParameters},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := read(t, keys, test.kind, test.body)
			if verdict := oautherr.Verdict(err); verdict == nil || verdict.Kind != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func recipientJSON(t testing.TB, key jose.JSONWebKey, more map[string]any) []byte {
	t.Helper()
	all := map[string]any{"jwk": key, "enc": "A256GCM"}
	for name, value := range more {
		all[name] = value
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func walletKey(w *vcitest.Wallet) jose.JSONWebKey {
	return jose.JSONWebKey{Key: w.Private.Public(), KeyID: "w", Algorithm: "ECDH-ES", Use: "enc"}
}

func TestAResponseIsForItsRecipientOnly(t *testing.T) {
	wallet := vcitest.NewWallet(t)
	for _, zip := range []map[string]any{nil, {"zip": "DEF"}} {
		request := &message.Request{Encrypted: true}
		recipient, err := request.Recipient(recipientJSON(t, walletKey(wallet), zip))
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		if err := message.Write(w, http.StatusAccepted, map[string]int{"a": 1}, recipient); err != nil {
			t.Fatal(err)
		}
		object, err := jose.ParseEncryptedCompact(w.Body.String(), []jose.KeyAlgorithm{jose.ECDH_ES}, []jose.ContentEncryption{jose.A256GCM})
		if err != nil {
			t.Fatal(err)
		}
		plain, err := object.Decrypt(wallet.Private)
		if err != nil || string(plain) != `{"a":1}` || object.Header.KeyID != "w" {
			t.Errorf("%s %v, kid %s", plain, err, object.Header.KeyID)
		}
		if w.Code != http.StatusAccepted || w.Header().Get("Content-Type") != "application/jwt" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%d %v", w.Code, w.Header())
		}
	}
}

func TestRecipientsThatAreNone(t *testing.T) {
	wallet := vcitest.NewWallet(t)
	changed := func(change func(*jose.JSONWebKey)) []byte {
		key := walletKey(wallet)
		change(&key)
		return recipientJSON(t, key, nil)
	}
	good := recipientJSON(t, walletKey(wallet), nil)
	encrypted, plain := &message.Request{Encrypted: true}, &message.Request{}
	for _, test := range []struct {
		name    string
		request *message.Request
		given   []byte
	}{
		{"in a request that is not encrypted itself", plain, good},
		{"oid4vci-1_0-issuer-fail-unsupported-encryption-algorithm", encrypted, recipientJSON(t, walletKey(wallet), map[string]any{"enc": "A128CBC-HS256"})},
		{"another zip", encrypted, recipientJSON(t, walletKey(wallet), map[string]any{"zip": "GZ"})},
		{"no enc", encrypted, recipientJSON(t, walletKey(wallet), map[string]any{"enc": nil})},
		{"no alg", encrypted, changed(func(k *jose.JSONWebKey) { k.Algorithm = "" })},
		{"another alg", encrypted, changed(func(k *jose.JSONWebKey) { k.Algorithm = "RSA-OAEP" })},
		{"a key for signatures", encrypted, changed(func(k *jose.JSONWebKey) { k.Use = "sig" })},
		{"a private key", encrypted, changed(func(k *jose.JSONWebKey) { k.Key = wallet.Private })},
		{"a symmetric key", encrypted, changed(func(k *jose.JSONWebKey) { k.Key = []byte("0123456789abcdef") })},
		{"no key", encrypted, []byte(`{"enc":"A256GCM"}`)},
		{"no object", encrypted, []byte(`"x"`)},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.request.Recipient(test.given)
			if verdict := oautherr.Verdict(err); verdict == nil || verdict.Kind != oautherr.InvalidEncryptionParameters {
				t.Errorf("got %v", err)
			}
		})
	}
	if recipient, err := plain.Recipient(nil); recipient != nil || err != nil {
		t.Error("a response has a recipient that nobody asked for")
	}
}

func TestKeysFollowFromTheSecretAndAreOnTheCurve(t *testing.T) {
	one, again, other := newKeys(t, "a").Public().Keys[0], newKeys(t, "a").Public().Keys[0], newKeys(t, "b").Public().Keys[0]
	if one.KeyID != again.KeyID || one.KeyID == other.KeyID {
		t.Errorf("kids %s %s %s", one.KeyID, again.KeyID, other.KeyID)
	}
	if _, err := one.Key.(*ecdsa.PublicKey).ECDH(); err != nil || !one.IsPublic() {
		t.Errorf("published: %v, %v", one, err)
	}
	if _, err := message.NewKeys(); err == nil {
		t.Error("keys follow from nothing")
	}
}

func FuzzOpen(f *testing.F) {
	keys := newKeys(f, "secret")
	f.Add(encrypt(f, keys.Public().Keys[0], jose.A128GCM, jose.DEFLATE, `{"a":1}`))
	f.Add("e30....")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := keys.Open(text); err != nil && oautherr.Verdict(err) == nil {
			t.Fatal(err)
		}
	})
}

func FuzzRecipient(f *testing.F) {
	f.Add(recipientJSON(f, walletKey(vcitest.NewWallet(f)), nil))
	f.Fuzz(func(t *testing.T, given []byte) {
		recipient, err := message.ParseRecipient(given)
		if err != nil {
			if oautherr.Verdict(err) == nil {
				t.Fatal(err)
			}
			return
		}
		if err := message.Write(httptest.NewRecorder(), http.StatusOK, 1, recipient); err != nil {
			t.Fatalf("%s is taken, but nothing can be encrypted to it: %v", given, err)
		}
	})
}
