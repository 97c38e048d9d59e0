package target

import (
	"fmt"
	"slices"
	"strings"
)

// What a provider may promise beyond a login. A promise in the target file is
// probed all day, and broken when the provider does not announce it any more.
const (
	FeaturePAR           = "par"
	FeatureDPoP          = "dpop"
	FeatureRefresh       = "refresh"
	FeatureUserinfo      = "userinfo"
	FeatureIntrospection = "introspection"
	FeatureRevocation    = "revocation"
	FeatureLogout        = "logout"
)

// Features lists every promise that a target file may name.
func Features() []string {
	return []string{
		FeaturePAR, FeatureDPoP, FeatureRefresh, FeatureUserinfo, FeatureIntrospection, FeatureRevocation, FeatureLogout,
	}
}

// Promises reports whether the target file names feature.
func (t *Target) Promises(feature string) bool { return slices.Contains(t.Features, feature) }

// features are reported with the nearest right one by choice.
func (c *checker) features(named []string) {
	seen := make(map[string]bool, len(named))
	for index, feature := range named {
		key := fmt.Sprintf("features[%d]", index)
		c.choice(key, feature, Features()...)
		if seen[feature] {
			c.report(key, fmt.Sprintf("feature %q is there twice", feature), "")
		}
		seen[feature] = true
	}
}

// Warnings are what the file allows though it is not what production should
// have, as sentences.
func (t *Target) Warnings() []string {
	var found []string
	if strings.HasPrefix(t.Issuer, "http://") {
		found = append(found, fmt.Sprintf("the issuer %s is reached in the clear (http): allowed on this machine only", t.Issuer))
	}
	return found
}
