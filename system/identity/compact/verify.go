package compact

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
)

// The algorithms that are taken (FAPI 2.0 Security Profile, 5.4.1). None and the
// symmetric ones are not among them.
const (
	ES256 = "ES256"
	PS256 = "PS256"
	EdDSA = "EdDSA"
)

// RS256 is not one of them: only who asks for it with VerifyRS256 gets it.
const RS256 = "RS256"

// Algorithms returns them, for metadata.
func Algorithms() []string { return []string{ES256, PS256, EdDSA} }

// minimumRSA is in bits (FAPI 2.0 Security Profile, 5.4.1); maximumRSA bounds
// the work that a stranger's key can ask for.
const (
	minimumRSA = 2048
	maximumRSA = 4096
)

func verify(algorithm string, key any, input string, signature []byte) error {
	valid := false
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		valid = algorithm == ES256 && key.Curve == elliptic.P256() && verifyECDSA(key, input, signature)
	case *rsa.PublicKey:
		valid = algorithm == PS256 && key.N.BitLen() >= minimumRSA && key.N.BitLen() <= maximumRSA && verifyPSS(key, input, signature)
	case ed25519.PublicKey:
		valid = algorithm == EdDSA && len(key) == ed25519.PublicKeySize && ed25519.Verify(key, []byte(input), signature)
	}
	if !valid {
		return ErrSignature
	}
	return nil
}

// verifyRS256 checks a signature of RFC 7518, 3.3.
func verifyRS256(key any, input string, signature []byte) error {
	public, isRSA := key.(*rsa.PublicKey)
	if !isRSA || public.N.BitLen() < minimumRSA || public.N.BitLen() > maximumRSA {
		return ErrSignature
	}
	digest := sha256.Sum256([]byte(input))
	if rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) != nil {
		return ErrSignature
	}
	return nil
}

func verifyPSS(key *rsa.PublicKey, input string, signature []byte) bool {
	digest := sha256.Sum256([]byte(input))
	// The salt is as long as the hash (RFC 7518, 3.5).
	options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	return rsa.VerifyPSS(key, crypto.SHA256, digest[:], signature, options) == nil
}

// verifyECDSA checks the two numbers of RFC 7518, 3.4.
func verifyECDSA(key *ecdsa.PublicKey, input string, signature []byte) bool {
	if len(signature) != 64 {
		return false
	}
	digest := sha256.Sum256([]byte(input))
	var buffer [72]byte
	der := append(buffer[:0], 0x30, 0)
	der = appendInteger(der, signature[:32])
	der = appendInteger(der, signature[32:])
	der[1] = byte(len(der) - 2)
	return ecdsa.VerifyASN1(key, digest[:], der)
}

// appendInteger adds an unsigned number as an ASN.1 INTEGER.
func appendInteger(der, number []byte) []byte {
	for len(number) > 1 && number[0] == 0 {
		number = number[1:]
	}
	if number[0]&0x80 != 0 {
		der = append(der, 0x02, byte(len(number)+1), 0)
	} else {
		der = append(der, 0x02, byte(len(number)))
	}
	return append(der, number...)
}
