// Package holder knows the keys that credentials are bound to: it reads them
// from JWKs, did:jwk and certificates, and checks what they signed. Only public
// keys of three kinds pass (P-256, P-384, Ed25519), each with the one algorithm
// that belongs to it, so that no header can choose how a signature is checked
// (RFC 8725, 3.1).
package holder
