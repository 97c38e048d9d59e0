package oidc

import (
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// notAnnounced ends a journey that the provider does not offer: nothing could
// be measured.
func notAnnounced(field, what string) *exchange.Failure {
	return exchange.Brokenf(verdict.NoData, "the provider does not announce %s: its discovery document has no %s", what, field)
}
