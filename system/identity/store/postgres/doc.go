// Package postgres keeps what must not be lost: clients, persons, grants and
// the public signing keys. Writes go to the server that takes them and count
// only when it says that they are replicated; reads go to a standby where there
// is one. Every operation has a deadline of about two seconds and then fails
// with an error that is no verdict.
package postgres
