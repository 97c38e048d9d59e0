// Package conformance owns the checks of an OpenID provider that need no special
// client: what its discovery document and keys say, and what it must refuse. Each
// check is a step under its own name, close to a module of the OpenID conformance
// suite; one that does not apply to the provider is skipped and says why. A right
// login comes first, because without it a refusal proves nothing. The package
// never changes anything at the provider but what a login changes.
package conformance
