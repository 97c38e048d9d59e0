// Package postgres keeps what must not be lost: clients, consents, and what was
// issued to wallets. Writes go to the server that takes them and count only when
// it says that they are replicated. Reads that a login waits for go to any
// server, the next one being asked when the first is silent, so they never need
// the one that takes writes. Every operation has a deadline of about two seconds
// and then fails with an error that is no verdict.
package postgres
