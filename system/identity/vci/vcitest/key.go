package vcitest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/keyset"
	"tocsin/system/identity/vci/signing"
)

// Key is a credential key in memory; it is all that a provider
// wants of keys.
type Key struct {
	// Root is the certificate that the chain ends below.
	Root *x509.Certificate

	authority *ecdsa.PrivateKey
	mu        sync.Mutex
	private   *ecdsa.PrivateKey
	kid       string
	chain     [][]byte
	err       error
	rotations int
	// between, when set, is called between the chain and the signature.
	between func()
}

// NewKey returns a key with a certificate of its own authority.
func NewKey(t testing.TB) *Key {
	t.Helper()
	k := &Key{}
	var err error
	if k.authority, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Credential authority"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.authority.Public(), k.authority)
	if err != nil {
		t.Fatal(err)
	}
	if k.Root, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	k.Rotate(t)
	return k
}

// Rotate replaces the key.
func (k *Key) Rotate(t testing.TB) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rotations++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(k.rotations) + 1), Subject: pkix.Name{CommonName: "Credential key"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, k.Root, private.Public(), k.authority)
	if err != nil {
		t.Fatal(err)
	}
	k.private, k.kid, k.chain = private, fmt.Sprintf("key-%d", k.rotations), [][]byte{der, k.Root.Raw}
}

// Fail makes the key unusable with err until it is called with nil.
func (k *Key) Fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = err
}

// Between has meanwhile called once, after the chain was read and before a
// signature is made.
func (k *Key) Between(meanwhile func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.between = meanwhile
}

func (k *Key) current() (private *ecdsa.PrivateKey, kid string, err error) {
	k.mu.Lock()
	meanwhile := k.between
	k.between = nil
	k.mu.Unlock()
	if meanwhile != nil {
		meanwhile()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.private, k.kid, k.err
}

// Public returns the public key.
func (k *Key) Public() *ecdsa.PublicKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	return &k.private.PublicKey
}

// Backend is the key as package signing takes it.
func (k *Key) Backend() signing.Backend { return signing.Credential{Signer: k, Chains: k} }

// Sign implements signing.Signer.
func (k *Key) Sign(_ context.Context, _ keyset.Use, _ jose.SignatureAlgorithm, typ string, extra map[string]any, claims any) (string, error) {
	private, kid, err := k.current()
	if err != nil {
		return "", err
	}
	return Sign(private, typ, kid, extra, claims)
}

// SignDigest implements signing.Signer.
func (k *Key) SignDigest(_ context.Context, _ keyset.Use, digest [sha256.Size]byte) ([]byte, string, error) {
	private, kid, err := k.current()
	if err != nil {
		return nil, "", err
	}
	r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
	if err != nil {
		return nil, "", err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signature, kid, nil
}

// Chain implements signing.Chains.
func (k *Key) Chain() ([][]byte, string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.chain, k.kid, k.err
}

// DocumentOf implements metadata.Documents.
func (k *Key) DocumentOf(keyset.Use) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return nil, k.err
	}
	public := jose.JSONWebKey{Key: k.private.Public(), KeyID: k.kid, Use: "sig", Algorithm: "ES256"}
	return json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}})
}

// Roots implements metadata.Documents.
func (k *Key) Roots() ([][]byte, error) { return [][]byte{k.Root.Raw}, nil }

// Sign returns claims as a compact JWS, made by another library than the one
// that reads it here. claims may be text.
func Sign(private *ecdsa.PrivateKey, typ, kid string, extra map[string]any, claims any) (string, error) {
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ))
	if kid != "" {
		options.WithHeader("kid", kid)
	}
	for name, value := range extra {
		options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: private}, options)
	if err != nil {
		return "", err
	}
	payload, err := payloadOf(claims)
	if err != nil {
		return "", err
	}
	object, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return object.CompactSerialize()
}
