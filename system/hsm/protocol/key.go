package protocol

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"

	"github.com/go-jose/go-jose/v4"
)

// ID names a key pair: the SHA-256 thumbprint of the public key (RFC 7638), so
// all tokens that share a key share its name, and nothing has to hand out names.
type ID [sha256.Size]byte

// IDOf returns the name of a public key.
func IDOf(public crypto.PublicKey) (ID, error) {
	thumbprint, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return ID{}, fmt.Errorf("name key: %w", err)
	}
	return ID(thumbprint), nil
}

// ParseID reads a kid.
func ParseID(kid string) (ID, error) {
	var id ID
	if len(kid) != base64.RawURLEncoding.EncodedLen(len(id)) {
		return ID{}, errors.New("kid is not the name of a key")
	}
	count, err := base64.RawURLEncoding.Strict().Decode(id[:], []byte(kid))
	if err != nil || count != len(id) { // the decoder passes over line breaks
		return ID{}, errors.New("kid is not the name of a key")
	}
	return id, nil
}

// String is the kid.
func (id ID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// Algorithms are what keys are made for. A key has one of them for life: an RSA
// key that signs with two paddings weakens the stronger.
func Algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.ES256, jose.PS256, jose.RS256}
}

// minimumRSA and maximumRSA bound the modulus, in bits (RFC 7518, 3.3 and 3.5
// ask for 2048 at least).
const minimumRSA, maximumRSA = 2048, 4096

// Fits reports why public is no key for algorithm.
func Fits(algorithm jose.SignatureAlgorithm, public crypto.PublicKey) error {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		if algorithm == jose.ES256 && key.Curve == elliptic.P256() {
			return nil
		}
	case *rsa.PublicKey:
		bits := key.N.BitLen()
		if (algorithm == jose.PS256 || algorithm == jose.RS256) && bits >= minimumRSA && bits <= maximumRSA {
			return nil
		}
	}
	return fmt.Errorf("key of type %T is not for %s", public, algorithm)
}

// JWK returns the public key as it is published, after checking that it fits
// the algorithm.
func JWK(algorithm jose.SignatureAlgorithm, public crypto.PublicKey) (jose.JSONWebKey, error) {
	if err := Fits(algorithm, public); err != nil {
		return jose.JSONWebKey{}, err
	}
	id, err := IDOf(public)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	return jose.JSONWebKey{Key: public, KeyID: id.String(), Algorithm: string(algorithm), Use: "sig"}, nil
}

// CheckJWK reports why key is not what JWK makes.
func CheckJWK(key jose.JSONWebKey) error {
	if !key.Valid() || !key.IsPublic() {
		return errors.New("not a public key")
	}
	made, err := JWK(jose.SignatureAlgorithm(key.Algorithm), key.Key)
	if err != nil {
		return err
	}
	if made.KeyID != key.KeyID || made.Use != key.Use {
		return fmt.Errorf("key %.50q is not named by its thumbprint", key.KeyID)
	}
	return nil
}

// Verify reports whether signature, raw as in a JWS (RFC 7518, 3), is over the
// SHA-256 digest.
func Verify(algorithm jose.SignatureAlgorithm, public crypto.PublicKey, digest, signature []byte) bool {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		if algorithm != jose.ES256 || len(signature) != 64 {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(key, digest, r, s)
	case *rsa.PublicKey:
		switch algorithm {
		case jose.PS256:
			// The salt is as long as the hash (RFC 7518, 3.5).
			return rsa.VerifyPSS(key, crypto.SHA256, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		case jose.RS256:
			return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest, signature) == nil
		}
	}
	return false
}
