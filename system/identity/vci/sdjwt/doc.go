// Package sdjwt makes SD-JWT verifiable credentials (RFC 9901; SD-JWT VC) in
// which every claim about the person can be disclosed alone, takes them apart as
// a holder does, and verifies presentations as a verifier does. It does not
// know whose key an issuer's is.
package sdjwt
