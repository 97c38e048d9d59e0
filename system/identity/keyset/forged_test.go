package keyset

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// thief writes etcd and has no key of the HSM nodes.
type thief struct {
	t    testing.TB
	own  *ecdsa.PrivateKey
	root *x509.Certificate
}

func newThief(t testing.TB) *thief {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f := &thief{t: t, own: key}
	f.root = parse(t, f.certify(key.Public(), nil))
	return f
}

// certify makes a certificate for any public key, signed by the thief's own:
// a copy of one, or a root.
func (f *thief) certify(public any, like *x509.Certificate) []byte {
	f.t.Helper()
	if like == nil {
		like = &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuing authority root"},
			NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}
	}
	parent := like
	if f.root != nil {
		parent = f.root
	}
	der, err := x509.CreateCertificate(rand.Reader, like, parent, public, f.own)
	if err != nil {
		f.t.Fatal(err)
	}
	return der
}

// TestForgedRingIsRefusedAsAWhole: whoever writes etcd can take keys out of use,
// but not have any believed for what it is not.
func TestForgedRingIsRefusedAsAWhole(t *testing.T) {
	ring, nodes, clock := &memory{}, newCluster("a", "b"), newClock()
	config := configFor(clock)
	config.Approved = nodes.attested(t)
	keeper, set := keeperOf(t, config, ring, nodes)
	step(t, keeper)
	good, revision, forger := ring.text, ring.revision, newThief(t)
	chain, kid, err := set.Chain()
	if err != nil {
		t.Fatal(err)
	}
	const rootAt, credentialAt = 3, 4
	for _, test := range []struct {
		name  string
		forge func(d *document)
	}{
		{"a key of credentials signs tokens", func(d *document) {
			d.Keys[credentialAt].Bundle.Use, d.Keys[credentialAt].Chain = string(Token), nil
			d.Keys[0].Retired = clock.Now()
		}},
		{"a key of tokens signs credentials, with a certificate of another root", func(d *document) {
			moved := &d.Keys[0]
			moved.Bundle.Use = string(Credential)
			moved.Chain = [][]byte{forger.certify(moved.Bundle.Public.Key, parse(t, chain[0])), forger.root.Raw}
			d.Keys[credentialAt].Retired = clock.Now()
		}},
		{"a key that no node made", func(d *document) {
			made, err := newCluster("x").Make(t.Context(), "x", jose.ES256, string(Token))
			if err != nil {
				t.Fatal(err)
			}
			made.Maker, made.Signature, made.Sealed = d.Keys[0].Bundle.Maker, d.Keys[0].Bundle.Signature, d.Keys[0].Bundle.Sealed
			d.Keys[0].Bundle = made
		}},
		{"a key of a node that nobody approved", func(d *document) {
			stranger := newCluster("x")
			stranger.attested(t)
			made, err := stranger.Make(t.Context(), "x", jose.ES256, string(Token))
			if err != nil {
				t.Fatal(err)
			}
			d.Keys[0].Bundle = made
		}},
		{"the credential key under a root of the thief's own", func(d *document) {
			e := &d.Keys[credentialAt]
			e.Chain = [][]byte{forger.certify(e.Bundle.Public.Key, parse(t, chain[0])), forger.root.Raw}
		}},
		{"the credential key with other words under the right root", func(d *document) {
			e := &d.Keys[credentialAt]
			e.Chain = [][]byte{forger.certify(e.Bundle.Public.Key, parse(t, chain[0])), e.Chain[1]}
		}},
		{"the root with a certificate that another signed", func(d *document) {
			e := &d.Keys[rootAt]
			e.Chain = [][]byte{forger.certify(e.Bundle.Public.Key, parse(t, e.Chain[0]))}
			d.Keys[credentialAt].Chain[1] = e.Chain[0]
		}},
		{"a root of the thief's own beside the right one", func(d *document) {
			other := d.Keys[rootAt]
			other.Chain = [][]byte{forger.root.Raw}
			d.Keys = append(d.Keys, other)
		}},
		{"a leaf that is its own root", func(d *document) {
			d.Keys[credentialAt].Chain = [][]byte{chain[0], chain[0]}
		}},
		{"a credential key whose root is gone", func(d *document) {
			d.Keys = append(d.Keys[:rootAt:rootAt], d.Keys[credentialAt])
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, err := decode(good, config.Approved)
			if err != nil {
				t.Fatal(err)
			}
			test.forge(d)
			text, err := d.encode()
			if err != nil {
				t.Fatal(err)
			}
			revision++
			ring.set(func(m *memory) { m.text, m.revision = text, revision })
			if err := keeper.Step(t.Context()); err == nil {
				t.Error("the keeper takes it")
			}
			if after, now, err := set.Chain(); err != nil || now != kid || string(after[0]) != string(chain[0]) || string(after[1]) != string(chain[1]) {
				t.Errorf("credentials are signed with %s, %v", now, err)
			}
			if ring.revision != revision {
				t.Error("the keeper changes a ring that it does not believe")
			}
			other, fresh := keeperOf(t, config, ring, nodes)
			if err := other.Step(t.Context()); err == nil {
				t.Error("a keeper that starts takes it")
			}
			if _, err := fresh.Document(); !errors.Is(err, ErrIncomplete) {
				t.Errorf("a process that starts serves %v", err)
			}
		})
	}
	ring.set(func(m *memory) { m.text, m.revision = good, revision+1 })
	step(t, keeper)
}

// TestRootStaysWhileItIsNamed: a ring whose chains do not end in it is refused,
// so turning over must not lead to one, however long it was held up.
func TestRootStaysWhileItIsNamed(t *testing.T) {
	ring, nodes, clock := &memory{}, newCluster("a"), newClock()
	config := configFor(clock)
	config.TokenPeriod = rootLife // RSA keys take long to make
	keeper, set := keeperOf(t, config, ring, nodes)
	step(t, keeper)
	if err := keeper.Rotate(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	clock.move(set.config.ahead())
	step(t, keeper) // the old root is retired, and the signer still its own
	old, _, err := set.Chain()
	if err != nil {
		t.Fatal(err)
	}
	clock.move(2 * (set.config.Grace + set.config.life(root)))
	step(t, keeper) // makes what was due all the time
	for range 2 {
		clock.move(set.config.ahead())
		step(t, keeper)
	}
	if roots, err := set.Roots(); err != nil || len(roots) != 2 {
		t.Errorf("%d roots, %v", len(roots), err)
	}
	clock.move(set.config.Grace + set.config.CredentialLife)
	for range 3 { // new keys, then the end of the old signer, then that of its root
		step(t, keeper)
	}
	now, _, err := set.Chain()
	if err != nil || string(now[1]) == string(old[1]) {
		t.Errorf("still the old root, %v", err)
	}
	if roots, err := set.Roots(); err != nil || len(roots) != 1 || string(roots[0]) == string(old[1]) {
		t.Errorf("%d roots in the end, %v", len(roots), err)
	}
}
