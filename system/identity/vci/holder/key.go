package holder

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// ErrKey means that a text is no key a credential can be bound to.
var ErrKey = errors.New("not a public key of a supported kind")

// ErrPrivate means that the text holds a private or symmetric key: whoever sent
// it has given it away, so it proves nothing (OpenID4VCI 1.0, F.4).
var ErrPrivate = errors.New("holds a private key")

// maxKey bounds what is parsed, in bytes.
const maxKey = 4 << 10

// Key is the public key of a holder.
type Key struct {
	public    crypto.PublicKey // *ecdsa.PublicKey or ed25519.PublicKey
	algorithm string
	jwk       JWK
}

// JWK is the least a public JWK has, in the order that its thumbprint is made
// over (RFC 7638, 3.2).
type JWK struct {
	Curve string `json:"crv"`
	Type  string `json:"kty"`
	X     string `json:"x"`
	Y     string `json:"y,omitempty"`
}

// curve is an elliptic curve with what goes with it.
type curve struct {
	elliptic  elliptic.Curve
	algorithm string
	size      int
	cose      int64
}

func curveOf(name string) (curve, bool) {
	switch name {
	case "P-256":
		return curve{elliptic: elliptic.P256(), algorithm: "ES256", size: 32, cose: 1}, true
	case "P-384":
		return curve{elliptic: elliptic.P384(), algorithm: "ES384", size: 48, cose: 2}, true
	}
	return curve{}, false
}

// Algorithms returns the JWS algorithms that holders may sign with.
func Algorithms() []string { return []string{"ES256", "ES384", "EdDSA"} }

// received is a JWK as it comes from outside.
type received struct {
	JWK
	D         json.RawMessage `json:"d"`
	P         json.RawMessage `json:"p"`
	Q         json.RawMessage `json:"q"`
	DP        json.RawMessage `json:"dp"`
	DQ        json.RawMessage `json:"dq"`
	QI        json.RawMessage `json:"qi"`
	Others    json.RawMessage `json:"oth"`
	Symmetric json.RawMessage `json:"k"`
}

func (r *received) private() bool {
	for _, member := range []json.RawMessage{r.D, r.P, r.Q, r.DP, r.DQ, r.QI, r.Others, r.Symmetric} {
		if member != nil {
			return true
		}
	}
	return r.Type == "oct"
}

// FromJWK reads a public JWK (RFC 7517). It fails with ErrKey or ErrPrivate.
func FromJWK(text []byte) (*Key, error) {
	if len(text) > maxKey {
		return nil, ErrKey
	}
	var from received
	if err := json.Unmarshal(text, &from); err != nil {
		return nil, ErrKey
	}
	if from.private() {
		return nil, ErrPrivate
	}
	return from.JWK.Key()
}

// Key returns the key that the JWK describes, or ErrKey.
func (j JWK) Key() (*Key, error) {
	x, err := base64.RawURLEncoding.Strict().DecodeString(j.X)
	if err != nil {
		return nil, ErrKey
	}
	if j.Type == "OKP" && j.Curve == "Ed25519" && j.Y == "" && len(x) == ed25519.PublicKeySize {
		return &Key{public: ed25519.PublicKey(x), algorithm: "EdDSA", jwk: j}, nil
	}
	c, known := curveOf(j.Curve)
	y, err := base64.RawURLEncoding.Strict().DecodeString(j.Y)
	if j.Type != "EC" || !known || err != nil || len(x) != c.size || len(y) != c.size { // RFC 7518, 6.2.1.2
		return nil, ErrKey
	}
	// The point is checked to be on the curve here.
	public, err := ecdsa.ParseUncompressedPublicKey(c.elliptic, append(append([]byte{4}, x...), y...))
	if err != nil {
		return nil, ErrKey
	}
	return &Key{public: public, algorithm: c.algorithm, jwk: j}, nil
}

// FromPublic describes a key of the standard library, or fails with ErrKey.
func FromPublic(public crypto.PublicKey) (*Key, error) {
	switch public := public.(type) {
	case ed25519.PublicKey:
		return JWK{Type: "OKP", Curve: "Ed25519", X: encode(public)}.Key()
	case *ecdsa.PublicKey:
		c, known := curveOf(public.Curve.Params().Name)
		point, err := public.Bytes()
		if !known || err != nil {
			return nil, ErrKey
		}
		return JWK{Type: "EC", Curve: public.Curve.Params().Name, X: encode(point[1 : 1+c.size]), Y: encode(point[1+c.size:])}.Key()
	}
	return nil, ErrKey
}

// FromDID reads a key from a did:jwk identifier or its only verification
// method. No other DID method is supported: they all ask a network.
func FromDID(text string) (*Key, error) {
	encoded, isJWK := strings.CutPrefix(text, "did:jwk:")
	encoded, _ = strings.CutSuffix(encoded, "#0")
	if !isJWK || len(encoded) > maxKey {
		return nil, ErrKey
	}
	decoded, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return nil, ErrKey
	}
	return FromJWK(decoded)
}

// FromCertificates reads the key of the first certificate of an x5c header
// (RFC 7515, 4.1.6). Nothing is believed of the certificate: it only carries
// the key.
func FromCertificates(chain []string) (*Key, error) {
	if len(chain) == 0 || len(chain[0]) > maxKey {
		return nil, ErrKey
	}
	der, err := base64.StdEncoding.DecodeString(chain[0])
	if err != nil {
		return nil, ErrKey
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, ErrKey
	}
	return FromPublic(certificate.PublicKey)
}

// JWK returns the key for a cnf claim (RFC 7800, 3.2).
func (k *Key) JWK() JWK { return k.jwk }

// Algorithm returns the one JWS algorithm of the key.
func (k *Key) Algorithm() string { return k.algorithm }

// Equal reports whether both are the same key.
func (k *Key) Equal(other *Key) bool { return k.jwk == other.jwk }

// Thumbprint is that of RFC 7638.
func (k *Key) Thumbprint() string {
	text, err := k.canonical()
	if err != nil {
		return ""
	}
	hash := sha256.Sum256(text)
	return encode(hash[:])
}

// DID returns the key as a did:jwk identifier.
func (k *Key) DID() (string, error) {
	text, err := k.canonical()
	if err != nil {
		return "", err
	}
	return "did:jwk:" + encode(text), nil
}

func (k *Key) canonical() ([]byte, error) {
	text, err := json.Marshal(k.jwk)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return bytes.TrimSpace(text), nil
}

// COSE returns the members of the key as a COSE_Key (RFC 9053, 7).
func (k *Key) COSE() map[int64]any {
	const keyType, curveID, xOf, yOf = 1, -1, -2, -3
	switch public := k.public.(type) {
	case ed25519.PublicKey:
		return map[int64]any{keyType: 1, curveID: 6, xOf: []byte(public)}
	case *ecdsa.PublicKey:
		c, _ := curveOf(k.jwk.Curve)
		point, err := public.Bytes()
		if err != nil {
			return nil
		}
		return map[int64]any{keyType: 2, curveID: c.cose, xOf: point[1 : 1+c.size], yOf: point[1+c.size:]}
	}
	return nil
}

func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }
