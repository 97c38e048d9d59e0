// Package keyset knows the keys that this issuer signs with, and turns them over.
//
// The keys are entries of a ring, one document that all identity processes
// share and replace by compare-and-set only. Any of them may do what is due;
// who comes second starts over from what the first left. Each use and
// algorithm has a current key. A next key is published for twice as long as
// anybody may cache the set before it becomes current, and a retired one until
// everything it signed has expired, so no client ever meets a signature that it
// cannot verify. What is published is complete or nothing: a client that gets
// half of the keys rejects good tokens.
//
// Once read, keys stay known while ring and HSM nodes are away. But a process
// that has not seen the ring for Config.Grace signs no more: its current key
// may be one that the others stopped publishing.
//
// The private keys are in the HSM nodes and nowhere else; a ring entry carries
// them only sealed for nodes that do not have them yet.
package keyset
