// Package vcitest holds what tests of credential issuance share: an issuer's key
// in memory with certificates, and a wallet that makes proofs with every
// mistake that a test wants.
package vcitest
