package protocol

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

func TestOrdersComeBackAsTheyWere(t *testing.T) {
	var body []byte
	var orders []Order
	for i := range MaxOrders {
		order := Order{Algorithm: Algorithms()[i%3]}
		rand.Read(order.Key[:])
		rand.Read(order.Digest[:])
		orders, body = append(orders, order), AppendOrder(body, order)
	}
	parsed, err := ParseOrders(body)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(orders, parsed); diff != "" {
		t.Error(diff)
	}
}

func TestMalformedOrdersAreRefused(t *testing.T) {
	good := AppendOrder(nil, Order{Algorithm: jose.ES256})
	for _, test := range []struct {
		name string
		body []byte
	}{
		{"none", nil},
		{"half a one", good[:40]},
		{"one and a byte", append(bytes.Clone(good), 0)},
		{"too many", bytes.Repeat(good, MaxOrders+1)},
		{"no algorithm", make([]byte, OrderSize)},
		{"an unknown algorithm", append([]byte{9}, good[1:]...)},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := ParseOrders(test.body); !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
}

func TestMalformedAnswersAreRefused(t *testing.T) {
	good := AppendAnswer(nil, Answer{Signature: make([]byte, 64)})
	for _, test := range []struct {
		name  string
		body  []byte
		count int
	}{
		{"fewer than ordered", good, 2},
		{"more than ordered", append(bytes.Clone(good), good...), 1},
		{"one that is cut off", good[:20], 1},
		{"a signature of nothing", AppendAnswer(nil, Answer{}), 1},
		{"a refusal with a signature", AppendAnswer(nil, Answer{Outcome: NoKey, Signature: []byte{1}}), 1},
		{"an unknown outcome", []byte{7, 0, 0}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := ParseAnswers(test.body, test.count); !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
}

func FuzzParseOrders(f *testing.F) {
	f.Add(AppendOrder(nil, Order{Algorithm: jose.PS256}))
	f.Fuzz(func(t *testing.T, body []byte) {
		orders, err := ParseOrders(body)
		if err != nil {
			return
		}
		var again []byte
		for _, order := range orders {
			again = AppendOrder(again, order)
		}
		if !bytes.Equal(again, body) {
			t.Errorf("%x became %x", body, again)
		}
	})
}

func FuzzParseAnswers(f *testing.F) {
	f.Add(AppendAnswer(nil, Answer{Signature: make([]byte, 64)}), 1)
	f.Fuzz(func(t *testing.T, body []byte, count int) {
		if count < 1 || count > MaxOrders {
			return
		}
		answers, err := ParseAnswers(body, count)
		if err == nil && len(answers) != count {
			t.Errorf("%d answers to %d orders", len(answers), count)
		}
	})
}

func FuzzBundle(f *testing.F) {
	f.Add([]byte(`{"public":{"kty":"EC","crv":"P-256","kid":"x","alg":"ES256","x":"AA","y":"AA"},"sealed":"AA=="}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var bundle Bundle
		if json.Unmarshal(text, &bundle) == nil && bundle.Check(nil) == nil {
			t.Error("believed without anybody being approved")
		}
	})
}

func TestKidIsTheThumbprint(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := JWK(jose.ES256, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	id, err := ParseID(jwk.KeyID)
	if err != nil || id.String() != jwk.KeyID {
		t.Fatalf("%s, %v", id, err)
	}
	for _, bad := range []string{"", "x", jwk.KeyID + "A", jwk.KeyID[:42], jwk.KeyID[:42] + "=", jwk.KeyID[:41] + "\n\n", strings.Repeat("\n", 43)} {
		if _, err := ParseID(bad); err == nil {
			t.Errorf("%q is a kid", bad)
		}
	}
}

func TestKeysThatDoNotFit(t *testing.T) {
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsa2048, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	short := &rsa.PublicKey{N: p384.X, E: 65537}
	for _, test := range []struct {
		name      string
		algorithm jose.SignatureAlgorithm
		public    any
		fits      bool
	}{
		{"P-256 signs ES256", jose.ES256, p256.Public(), true},
		{"RSA signs PS256", jose.PS256, rsa2048.Public(), true},
		{"RSA signs RS256", jose.RS256, rsa2048.Public(), true},
		{"P-384 does not sign ES256", jose.ES256, p384.Public(), false},
		{"P-256 does not sign PS256", jose.PS256, p256.Public(), false},
		{"RSA does not sign ES256", jose.ES256, rsa2048.Public(), false},
		{"a short RSA key signs nothing", jose.RS256, short, false},
		{"nothing signs with a secret", jose.HS256, []byte("secret"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := Fits(test.algorithm, test.public); (err == nil) != test.fits {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestApprovedNodes(t *testing.T) {
	node := Node{}
	transport, err := rsa.GenerateKey(rand.Reader, TransportBits)
	if err != nil {
		t.Fatal(err)
	}
	attest, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	node.Transport, node.Attest = &transport.PublicKey, &attest.PublicKey
	text, err := node.PEM()
	if err != nil {
		t.Fatal(err)
	}
	approved, err := ParseApproved(append(append([]byte("\n"), text...), text...))
	if err != nil || len(approved) != 2 || !approved.Has(node) {
		t.Fatalf("%d nodes, %v", len(approved), err)
	}
	half := text[:bytes.Index(text[1:], []byte("-----BEGIN"))+1]
	for name, bad := range map[string][]byte{"nothing": nil, "half a node": half, "not PEM": []byte("nodes"), "a broken block": bytes.Replace(text, []byte("MI"), []byte("!!"), 1)} {
		if _, err := ParseApproved(bad); err == nil {
			t.Errorf("%s is a file of nodes", name)
		}
	}
}
