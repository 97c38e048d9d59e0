package oidc

import (
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// Session is one attempt of a journey through the provider. It carries what
// one step learns and a later needs. Journeys of other families are built on
// it: they discover, log in, and go on with the tokens.
type Session struct {
	*journey.Run
	cfg *Config

	// Provider is the discovery document, once Discover has read it.
	Provider Metadata
	// Document is the answer that Provider was read from.
	Document *exchange.Reply
	// Tokens are those of the newest answer of the token endpoint.
	Tokens Tokens
	// Subject is who logged in, once LogIn has verified the ID token.
	Subject string

	// known is true once a person has logged in from the browser of the session.
	known bool
	// needs are the features without which the journey makes no sense.
	needs []string
	// passed are the steps that worked so far.
	passed []string

	request Request
	keys    keySet
	flow    flow
	code    string
	// requestURI names a pushed request; empty without one.
	requestURI string
	// prover binds tokens to a key of this attempt (DPoP); nil for bearer
	// tokens.
	prover *prover
}

// Config of the probe that the session is an attempt of.
func (s *Session) Config() Config { return *s.cfg }
