package oidc

import (
	"slices"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// announcement is how a provider says that it has a feature.
type announcement struct {
	// field of the discovery document, and what it is called for people.
	field, name string
	made        func(Metadata) bool
}

func announcementOf(feature string) announcement {
	switch feature {
	case target.FeaturePAR:
		return announcement{"pushed_authorization_request_endpoint", "pushed requests (PAR)", func(m Metadata) bool { return m.PAREndpoint != "" }}
	case target.FeatureDPoP:
		return announcement{"dpop_signing_alg_values_supported with ES256", "DPoP", func(m Metadata) bool { return slices.Contains(m.DPoPAlgorithms, "ES256") }}
	case target.FeatureRefresh:
		return announcement{"grant_types_supported with refresh_token", "refresh tokens", func(m Metadata) bool { return slices.Contains(m.GrantTypes, "refresh_token") }}
	case target.FeatureUserinfo:
		return announcement{"userinfo_endpoint", "userinfo", func(m Metadata) bool { return m.UserinfoEndpoint != "" }}
	case target.FeatureIntrospection:
		return announcement{"introspection_endpoint", "introspection", func(m Metadata) bool { return m.IntrospectionEndpoint != "" }}
	case target.FeatureRevocation:
		return announcement{"revocation_endpoint", "revocation", func(m Metadata) bool { return m.RevocationEndpoint != "" }}
	case target.FeatureLogout:
		return announcement{"end_session_endpoint", "logout", func(m Metadata) bool { return m.EndSessionEndpoint != "" }}
	}
	return announcement{"such field", feature, func(Metadata) bool { return false }}
}

// Announced lists the features that a discovery document announces.
func (m Metadata) Announced() []string {
	return slices.DeleteFunc(target.Features(), func(feature string) bool { return !announcementOf(feature).made(m) })
}

// checkNeeds ends a journey that the provider does not offer. Where the target
// file promises it, somebody has taken it away; else nothing could be measured.
func (s *Session) checkNeeds() error {
	for _, feature := range s.needs {
		announced := announcementOf(feature)
		switch {
		case announced.made(s.Provider):
		case slices.Contains(s.cfg.Features, feature):
			return exchange.Brokenf(verdict.Content, "the target file promises %s, but the discovery document has no %s", announced.name, announced.field)
		default:
			return exchange.Brokenf(verdict.NoData, "the provider does not announce %s: its discovery document has no %s", announced.name, announced.field)
		}
	}
	return nil
}
