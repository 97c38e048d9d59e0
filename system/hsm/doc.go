// Package hsm is the HSM node of a zone: it signs digests with keys that cannot
// leave its token in clear, and publishes the public keys. It knows nothing of
// tokens or logins, and no secret of the token ever leaves it.
//
// The nodes of all zones share their signing keys. The node that makes a key
// wraps it, inside its token, for the transport key of every other node; the
// bundle travels through the key ring, so that a node that was away takes the
// key later. Which transport keys are real is decided at the key ceremony, by
// people, in a file (see config.example.yaml): not by certificates, because
// then whoever holds the CA would hold the signing keys too. For the same
// reason a node takes in only keys that an approved node's token attests to
// have made: who can write the key ring must not be able to plant a key.
//
// What this does not defend against: somebody with the PIN of a token and
// access to it can unwrap a bundle that still travels with other attributes
// than the node does. So bundles lose the wrapped key as soon as all nodes
// have it.
package hsm
