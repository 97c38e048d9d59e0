// Package jws makes and checks the provider's own tokens: compact JWS (RFC
// 7515), signed by HSM nodes, checked without asking anybody. It does not know
// what claims mean.
package jws
