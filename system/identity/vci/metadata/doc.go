// Package metadata publishes what wallets and verifiers need to know of the
// issuer: credential issuer metadata, plain and signed, whole or in one language
// (OpenID4VCI 1.0, 12.2), the metadata of credential types and where the keys
// are (SD-JWT VC, 5 and 6). Everything is made once and served from memory.
package metadata
