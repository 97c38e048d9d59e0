// Package pkcs11pool signs with one EC P-256 key of one PKCS#11 token through a
// pool of sessions that heals itself.
//
// A reconnect of an HSM, an expired login or a failover of its cluster makes
// session and object handles stale for good. So a session is judged by the
// error code of the operation that failed on it (asking each session for its
// state before use was measured elsewhere to cost up to a second), replaced
// together with its login and key handle, and the operation is repeated once.
// When a fresh session does not help, the whole library is finalised and
// initialised again by one caller while the others wait. A breaker keeps a dead
// token from holding every caller until its deadline.
package pkcs11pool
