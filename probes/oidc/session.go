package oidc

import "tocsin/probes/journey"

// session is one attempt of a journey through the provider. It carries what
// one step learns and a later needs.
type session struct {
	*journey.Run
	cfg *Config

	provider metadata
	keys     keySet
	flow     flow
	code     string
	tokens   tokenReply
	subject  string
}
