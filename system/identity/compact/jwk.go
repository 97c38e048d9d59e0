package compact

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
)

// Key is a public key that came with a token.
type Key struct {
	// Public is *ecdsa.PublicKey, *rsa.PublicKey or ed25519.PublicKey.
	Public any
	// Thumbprint is that of RFC 7638 with SHA-256, in base64url.
	Thumbprint string
}

// parts are the members of a JWK that its thumbprint is made of.
type parts struct{ kty, crv, x, y, n, e string }

// ParseJWK reads a public key (RFC 7517) for one of the algorithms taken here.
// A private or symmetric key is refused: who sends one has lost it.
func ParseJWK(raw []byte) (*Key, error) {
	var p parts
	err := Members(raw, func(name string, value []byte) (err error) {
		switch name {
		case "kty":
			p.kty, err = String(value)
		case "crv":
			p.crv, err = String(value)
		case "x":
			p.x, err = String(value)
		case "y":
			p.y, err = String(value)
		case "n":
			p.n, err = String(value)
		case "e":
			p.e, err = String(value)
		case "d", "p", "q", "dp", "dq", "qi", "oth", "k":
			err = ErrMalformed
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	switch {
	case p.kty == "EC" && p.crv == "P-256":
		return p.ec()
	case p.kty == "OKP" && p.crv == "Ed25519":
		return p.okp()
	case p.kty == "RSA":
		return p.rsa()
	}
	return nil, ErrMalformed
}

func (p *parts) ec() (*Key, error) {
	point := make([]byte, 1, 1+2*32)
	point[0] = 4 // uncompressed (SEC 1, 2.3.3)
	for _, coordinate := range []string{p.x, p.y} {
		before := len(point)
		var err error
		if point, err = Decode(point, coordinate); err != nil || len(point)-before != 32 {
			return nil, ErrMalformed // leading zeros are not left out (RFC 7518, 6.2.1.2)
		}
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, ErrMalformed
	}
	return &Key{Public: public, Thumbprint: thumbprint(`{"crv":"P-256","kty":"EC","x":"`, p.x, `","y":"`, p.y, `"}`)}, nil
}

func (p *parts) okp() (*Key, error) {
	public, err := Decode(nil, p.x)
	if err != nil || len(public) != ed25519.PublicKeySize {
		return nil, ErrMalformed
	}
	return &Key{Public: ed25519.PublicKey(public), Thumbprint: thumbprint(`{"crv":"Ed25519","kty":"OKP","x":"`, p.x, `"}`)}, nil
}

func (p *parts) rsa() (*Key, error) {
	modulus, err := Decode(nil, p.n)
	if err != nil || len(modulus) == 0 || modulus[0] == 0 || len(modulus)*8 > maximumRSA {
		return nil, ErrMalformed
	}
	exponent, err := Decode(nil, p.e)
	// 65537 is the only exponent in use; others cost or risk something.
	if err != nil || !bytes.Equal(exponent, []byte{1, 0, 1}) {
		return nil, ErrMalformed
	}
	public := &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537}
	if public.N.BitLen() < minimumRSA {
		return nil, ErrMalformed
	}
	return &Key{Public: public, Thumbprint: thumbprint(`{"e":"`, p.e, `","kty":"RSA","n":"`, p.n, `"}`)}, nil
}

// thumbprint hashes the canonical JSON in pieces. The values are strict
// base64url, so they need no escapes and have no second spelling.
func thumbprint(pieces ...string) string {
	buffer := make([]byte, 0, 1024)
	for _, piece := range pieces {
		buffer = append(buffer, piece...)
	}
	return HashText(sha256.Sum256(buffer))
}

// HashText returns a hash as thumbprints, ath and code challenges write it.
func HashText(hash [sha256.Size]byte) string { return base64URL.EncodeToString(hash[:]) }
