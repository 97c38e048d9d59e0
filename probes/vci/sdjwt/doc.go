// Package sdjwt verifies SD-JWT VCs as a verifier does (RFC 9901, section 7.1;
// SD-JWT VC, section 2): the signature of the issuer, each disclosure against
// its digest, and what must not be disclosed selectively. It is given the keys
// and talks to nobody.
package sdjwt
