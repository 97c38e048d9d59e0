// Package oidc owns the probes of an OpenID provider: its discovery document,
// its keys, its zones, and a whole fresh login as a person makes it, from
// discovery to userinfo (OpenID Connect Core 1.0, code flow with PKCE). It
// speaks public protocols only, keeps nothing between runs and leaves it to
// probes/schedule when to run.
package oidc
