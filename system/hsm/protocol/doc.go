// Package protocol is what HSM nodes and those who use them say to one another:
// how keys are named, how digests are ordered to be signed, and how a signing
// key travels from the token that made it to the others without ever being in
// clear. It talks to no network and no token.
package protocol
