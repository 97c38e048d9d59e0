// Package token is the token endpoint: it authenticates the client once, checks
// its proof of possession, dispatches on grant_type (one file each) and answers
// with tokens. Whatever can be refused is refused before anything is marked as
// used; then all marks of a request are set in one transaction; and a request
// that ends for an infrastructure reason after that takes them back, so that
// its repetition does not meet a verdict.
package token
