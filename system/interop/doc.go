// Package interop lets programs that were not written here meet the identity
// provider: a certified relying-party library, a wallet library and a peer
// provider, all pinned in package-lock.json. Its tests have the build tag
// interop, because they need Node.js.
package interop
