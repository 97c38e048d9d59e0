// Package hsm is the HSM node of a zone: it signs digests with a key that
// cannot leave its token, and publishes the public key. It knows nothing of
// tokens or logins, and no secret of the token ever leaves it.
package hsm
