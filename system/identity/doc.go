// Package identity wires the OpenID provider of one zone: its endpoints (one
// package each), the stores they stand on, its listeners and its health. It
// holds no protocol rule of its own.
package identity
