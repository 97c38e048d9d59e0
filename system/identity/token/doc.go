// Package token is the token endpoint: it authenticates the client once,
// dispatches on grant_type (one file each) and answers with tokens. A request
// that ends for an infrastructure reason leaves no trace that would turn its
// repetition into a verdict.
package token
