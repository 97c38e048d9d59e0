// Package interop lets the probes meet OpenID providers that were not written
// here, as real processes on this machine: the npm oidc-provider behind TLS, and
// the example server of zitadel/oidc in the clear. A target file is written by
// tocsin init, everything passes, and then the provider is broken from outside
// in a dozen ways, each of which must be blamed on its step for its reason. The
// tests need Node.js and run under the tag interop; there is no other code here.
package interop
