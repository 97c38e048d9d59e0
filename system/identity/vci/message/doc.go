// Package message carries the requests and responses of the credential and
// deferred credential endpoints: as JSON, or encrypted as a JWT on top of TLS
// (OpenID4VCI 1.0, 10). The keys that requests are encrypted to follow from a
// secret that all zones share, so that a request opens wherever it arrives.
package message
