// Package pkcs11pool signs with the keys of one PKCS#11 token through a pool of
// sessions that heals itself, and makes, takes in and removes such keys.
//
// A reconnect of an HSM, an expired login or a failover of its cluster makes
// session and object handles stale for good. So a session is judged by the
// error code of the operation that failed on it (asking each session for its
// state before use was measured elsewhere to cost up to a second), replaced
// together with its login and key handles, and the operation is repeated once.
// When a fresh session does not help, the whole library is finalised and
// initialised again by one caller while the others wait. A breaker keeps a dead
// token from holding every caller until its deadline.
//
// No private key is ever readable. A signing key is extractable only while it
// is a session object of the token that makes it, to be wrapped for the other
// tokens; what all of them keep, the maker too, was unwrapped as sensitive and
// not extractable, which no later call can undo.
package pkcs11pool
