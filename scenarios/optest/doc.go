// Package optest is a small OpenID provider for the tests of scenarios: real
// HTTPS, a login and a consent page, PKCE, client assertions that are verified,
// and switches by which it misbehaves. It is never part of a program.
package optest
