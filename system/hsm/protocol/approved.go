package protocol

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
)

// Node is the public half of what a token keeps for life: the transport key
// that signing keys are wrapped for, and the attestation key that tells its own
// keys from smuggled ones.
type Node struct {
	Transport *rsa.PublicKey
	Attest    *ecdsa.PublicKey
}

// Approved are the nodes that whoever held the key ceremony approved. Nothing
// over the network can add to them.
type Approved []Node

// LoadApproved reads a file of what nodes wrote at the ceremony, one after the other.
func LoadApproved(file string) (Approved, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read approved nodes: %w", err)
	}
	approved, err := ParseApproved(text)
	if err != nil {
		return nil, fmt.Errorf("read approved nodes: %s: %w", file, err)
	}
	return approved, nil
}

// ParseApproved reads pairs of PEM blocks PUBLIC KEY: transport, attestation.
func ParseApproved(text []byte) (Approved, error) {
	var approved Approved
	for rest := bytes.TrimSpace(text); len(rest) > 0; {
		transport, after, err := publicKey(rest)
		if err != nil {
			return nil, err
		}
		attest, after, err := publicKey(after)
		if err != nil {
			return nil, err
		}
		var node Node
		var rsaKey, ecKey bool
		node.Transport, rsaKey = transport.(*rsa.PublicKey)
		node.Attest, ecKey = attest.(*ecdsa.PublicKey)
		if !rsaKey || !ecKey || node.Attest.Curve != elliptic.P256() || node.Transport.N.BitLen() < TransportBits {
			return nil, fmt.Errorf("node %d is not an RSA key of %d bits or more and a P-256 key", len(approved)+1, TransportBits)
		}
		if len(approved) == maxCopies {
			return nil, fmt.Errorf("more than %d nodes", maxCopies)
		}
		approved = append(approved, node)
		rest = bytes.TrimSpace(after)
	}
	if len(approved) == 0 {
		return nil, errors.New("no node in it")
	}
	return approved, nil
}

// TransportBits is the modulus of a transport key: what it protects is worth
// as much as the keys themselves.
const TransportBits = 3072

func publicKey(text []byte) (key any, rest []byte, err error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, nil, errors.New("not a sequence of PEM blocks PUBLIC KEY, two a node")
	}
	key, err = x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("parse public key: %w", err)
	}
	return key, rest, nil
}

// PEM encodes the node for the file of approved ones.
func (n Node) PEM() ([]byte, error) {
	var text []byte
	for _, key := range []any{n.Transport, n.Attest} {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			return nil, fmt.Errorf("encode public key: %w", err)
		}
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})...)
	}
	return text, nil
}

// Has reports whether the node is approved, with both of its keys.
func (a Approved) Has(node Node) bool {
	for _, known := range a {
		if known.Transport.Equal(node.Transport) && known.Attest.Equal(node.Attest) {
			return true
		}
	}
	return false
}

// attester returns the attestation key named kid, or nil.
func (a Approved) attester(kid string) *ecdsa.PublicKey {
	for _, node := range a {
		id, err := IDOf(node.Attest)
		if err == nil && id.String() == kid {
			return node.Attest
		}
	}
	return nil
}
