// Package vci is the credential issuer of the provider: OpenID for Verifiable
// Credential Issuance 1.0 with SD-JWT VC, W3C JWT and mdoc credentials and Token
// Status Lists. It puts the packages below it together and says at which paths
// they are; what each does, they say themselves.
package vci
