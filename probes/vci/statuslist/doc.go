// Package statuslist reads Token Status Lists as a verifier does: it decodes
// a list within bounds, and tells what the list says of one credential. It
// verifies claims, not signatures, and talks to nobody.
package statuslist
