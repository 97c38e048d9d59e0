package keyset

import (
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestRingThatIsWrongIsRefusedAsAWhole(t *testing.T) {
	ring, nodes, clock := &memory{}, newCluster("a"), newClock()
	keeper, set := keeperOf(t, configFor(clock), ring, nodes)
	step(t, keeper)
	good, revision := ring.text, ring.revision
	before, err := set.Document()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func(*document)
	}{
		{"an unknown version", func(d *document) { d.Version = 2 }},
		{"a key without its publication", func(d *document) { d.Keys[0].Made = time.Time{} }},
		{"a key under another name", func(d *document) { d.Keys[0].Bundle.Public.KeyID = d.Keys[1].kid() }},
		{"a key for an algorithm that is not its own", func(d *document) { d.Keys[1].Bundle.Public.Algorithm = "RS256" }},
		{"a key for a use that does not exist", func(d *document) { d.Keys[0].Bundle.Use = "mail" }},
		{"a key twice", func(d *document) { d.Keys = append(d.Keys, d.Keys[0]) }},
		{"two current keys", func(d *document) {
			d.Keys[4].Bundle.Use, d.Keys[4].Chain = string(Token), nil // a good key for tokens, too
		}},
		{"a credential key without certificate", func(d *document) { d.Keys[4].Chain = nil }},
		{"a credential key with the certificate of another", func(d *document) { d.Keys[4].Chain = d.Keys[3].Chain }},
		{"an entry without a key", func(d *document) { d.Keys[0].Bundle = nil }},
		{"too many keys", func(d *document) { d.Keys = slices.Repeat(d.Keys, 20) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, err := decode(good, nil)
			if err != nil {
				t.Fatal(err)
			}
			test.change(d)
			text, err := d.encode()
			if err != nil {
				t.Fatal(err)
			}
			ring.set(func(m *memory) { m.text, m.revision = text, revision+1 })
			if err := keeper.Step(t.Context()); err == nil {
				t.Error("the keeper takes it")
			}
			if after, err := set.Document(); err != nil || string(after) != string(before) {
				t.Errorf("published %s, %v", after, err)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"version":1,"keys":[{"bundle":{"public":{"kty":"EC"},"use":"token"},"made":"2026-01-02T03:04:05Z"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := decode(text, nil)
		if err != nil {
			return
		}
		for i := range d.Keys {
			if d.Keys[i].kid() == "" {
				t.Error("a key without a name")
			}
		}
	})
}

func TestCertificates(t *testing.T) {
	ring, nodes, clock := &memory{}, newCluster("a", "b"), newClock()
	config := configFor(clock)
	config.CRL = "https://id.example/root.crl"
	keeper, set := keeperOf(t, config, ring, nodes)
	step(t, keeper)
	chain, kid, err := set.Chain()
	if err != nil || len(chain) != 2 || kid != signing(t, set, Credential, jose.ES256) {
		t.Fatalf("chain of %d for %s, %v", len(chain), kid, err)
	}
	leaf, top := parse(t, chain[0]), parse(t, chain[1])
	roots := x509.NewCertPool()
	roots.AddCert(top)
	if _, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, CurrentTime: clock.Now(), DNSName: "id.example", KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}); err != nil {
		t.Errorf("chain: %v", err)
	}
	known, err := set.Roots()
	if err != nil || len(known) != 1 || string(known[0]) != string(chain[1]) {
		t.Errorf("roots: %d, %v", len(known), err)
	}
	// ISO/IEC 18013-5, tables B.1 and B.3.
	if !top.IsCA || top.MaxPathLen != 0 || top.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign {
		t.Errorf("root: CA %v, path %d, usage %b", top.IsCA, top.MaxPathLen, top.KeyUsage)
	}
	if leaf.IsCA || leaf.KeyUsage != x509.KeyUsageDigitalSignature || len(leaf.SubjectKeyId) == 0 && len(leaf.AuthorityKeyId) == 0 {
		t.Errorf("signer: CA %v, usage %b", leaf.IsCA, leaf.KeyUsage)
	}
	if len(leaf.URIs) != 1 || leaf.URIs[0].String() != config.Issuer || leaf.Subject.Country[0] != "UT" {
		t.Errorf("signer: names %v %v", leaf.URIs, leaf.Subject)
	}
	if len(leaf.UnknownExtKeyUsage) != 1 || !leaf.UnknownExtKeyUsage[0].Equal(asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 2}) {
		t.Errorf("signer: extended usage %v", leaf.UnknownExtKeyUsage)
	}
	if len(leaf.CRLDistributionPoints) != 1 || leaf.CRLDistributionPoints[0] != config.CRL {
		t.Errorf("signer: CRL %v", leaf.CRLDistributionPoints)
	}
	last := clock.Now().Add(set.config.ahead() + set.config.CredentialPeriod + set.config.Grace)
	if leaf.NotAfter.Before(last.Add(set.config.CredentialLife)) || top.NotAfter.Before(leaf.NotAfter) {
		t.Error("a certificate ends before what it signs last")
	}
	if leaf.NotAfter.Sub(leaf.NotBefore) > signerLife {
		t.Error("the signer's certificate is valid for longer than allowed")
	}
}

func parse(t testing.TB, der []byte) *x509.Certificate {
	t.Helper()
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestSignersOfANewRoot(t *testing.T) {
	ring, nodes, clock := &memory{}, newCluster("a"), newClock()
	keeper, set := keeperOf(t, configFor(clock), ring, nodes)
	step(t, keeper)
	first, _, err := set.Chain()
	if err != nil {
		t.Fatal(err)
	}
	if err := keeper.Rotate(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	clock.move(set.config.ahead())
	step(t, keeper)
	if err := keeper.Rotate(t.Context(), Credential); err != nil {
		t.Fatal(err)
	}
	clock.move(set.config.ahead())
	step(t, keeper)
	second, _, err := set.Chain()
	if err != nil {
		t.Fatal(err)
	}
	if string(first[1]) == string(second[1]) {
		t.Error("the signer is certified by the old root")
	}
	if roots, err := set.Roots(); err != nil || len(roots) != 2 {
		t.Errorf("%d roots are known, %v; the old one's signers are still in use", len(roots), err)
	}
}

func TestConfigThatCannotBe(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Config)
	}{
		{"no issuer", func(c *Config) { c.Issuer = "id" }},
		{"no country", func(c *Config) { c.Country = "" }},
		{"a negative span", func(c *Config) { c.Grace = -1 }},
		{"a signer's certificate that is valid for too long", func(c *Config) { c.CredentialLife = 400 * day }},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := configFor(newClock())
			test.change(&config)
			if _, err := NewSet(config); err == nil {
				t.Error("accepted")
			}
		})
	}
}
