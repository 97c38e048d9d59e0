// Package holder knows the keys that credentials are bound to: it reads them
// from JWKs, did:jwk and certificates and writes them as cnf claims, DIDs and
// COSE keys. Only public keys of two kinds pass, P-256 and Ed25519: what
// wallets keep in hardware, and what an mdoc can name.
package holder
