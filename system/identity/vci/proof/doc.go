// Package proof checks that a wallet holds the keys that credentials are to be
// bound to: proofs of possession (jwt) and key attestations (OpenID4VCI 1.0,
// annexes D and F). Its verdicts tell a proof that is wrong from a nonce that is
// merely old, because a wallet repairs the second by itself.
package proof
