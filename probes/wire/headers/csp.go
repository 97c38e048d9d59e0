package headers

import (
	"fmt"
	"slices"
	"strings"
)

// policy is one Content-Security-Policy: the sources of each directive, by its
// name in lower case.
type policy map[string][]string

// parseCSP reads the values of all Content-Security-Policy headers of an
// answer. Each policy in them holds beside the others (CSP Level 3, sections
// 2.2.2 and 4.1): a list separated by commas is several policies.
func parseCSP(values []string) []policy {
	var policies []policy
	for _, value := range values {
		for text := range strings.SplitSeq(value, ",") {
			parsed := policy{}
			for directive := range strings.SplitSeq(text, ";") {
				words := strings.Fields(directive)
				if len(words) == 0 {
					continue
				}
				name := strings.ToLower(words[0])
				// The first of two equal directives holds (section 2.2.1, step 4).
				if _, twice := parsed[name]; !twice {
					parsed[name] = words[1:]
				}
			}
			if len(parsed) > 0 {
				policies = append(policies, parsed)
			}
		}
	}
	return policies
}

// sources of a fetch directive: its own, or those it falls back to. It reports
// false where nothing restricts it.
func (p policy) sources(names ...string) ([]string, bool) {
	for _, name := range append(names, "default-src") {
		if sources, set := p[name]; set {
			return sources, true
		}
	}
	return nil, false
}

// judgeCSP returns what is wrong with the policies of a page. A rule is kept
// when one of the policies keeps it, because a browser obeys all of them.
func judgeCSP(values []string) []string {
	policies := parseCSP(values)
	if len(policies) == 0 {
		return []string{"is missing on a page"}
	}
	var wrong []string
	for _, rule := range []func(policy) string{
		policy.scripts, policy.objects, policy.frames, policy.base,
	} {
		if problem := best(policies, rule); problem != "" {
			wrong = append(wrong, problem)
		}
	}
	return wrong
}

// best is empty when a policy keeps the rule, and else what the first says.
func best(policies []policy, rule func(policy) string) string {
	for _, p := range policies {
		if rule(p) == "" {
			return ""
		}
	}
	return rule(policies[0])
}

// scripts refuses sources that let an injected script run.
func (p policy) scripts() string {
	sources, set := p.sources("script-src-elem", "script-src")
	if !set {
		return "has neither script-src nor default-src, so any script runs"
	}
	trusted := slices.ContainsFunc(sources, isNonceOrHash)
	for _, source := range sources {
		switch lower := strings.ToLower(source); {
		case lower == "'unsafe-inline'" && !trusted:
			// With a nonce or hash beside it, 'unsafe-inline' is ignored
			// (section 6.7.3.2).
			return "lets inline scripts run ('unsafe-inline' in script-src)"
		case lower == "'unsafe-eval'":
			return "lets text be run as script ('unsafe-eval' in script-src)"
		case lower == "*", lower == "http:", lower == "https:", lower == "data:", lower == "blob:":
			if trusted && slices.ContainsFunc(sources, isStrictDynamic) {
				continue // ignored beside 'strict-dynamic' (section 8.2)
			}
			return fmt.Sprintf("lets scripts come from anywhere (%s in script-src)", source)
		}
	}
	return ""
}

func isStrictDynamic(source string) bool { return strings.EqualFold(source, "'strict-dynamic'") }

func isNonceOrHash(source string) bool {
	lower := strings.ToLower(source)
	for _, prefix := range []string{"'nonce-", "'sha256-", "'sha384-", "'sha512-"} {
		if strings.HasPrefix(lower, prefix) && len(lower) > len(prefix)+1 {
			return true
		}
	}
	return false
}

// objects refuses plug-ins from anywhere, which can run scripts.
func (p policy) objects() string {
	sources, set := p.sources("object-src")
	if !set {
		return "has neither object-src nor default-src, so any plug-in is loaded"
	}
	if slices.Contains(sources, "*") {
		return "lets plug-ins come from anywhere (* in object-src)"
	}
	return ""
}

// frames refuses that other sites show the page inside theirs.
func (p policy) frames() string {
	// frame-ancestors does not fall back to default-src (section 6.4.2).
	ancestors, set := p["frame-ancestors"]
	if !set {
		return "has no frame-ancestors, so any site may show the page inside its own"
	}
	for _, open := range []string{"*", "http:", "https:"} {
		if slices.Contains(ancestors, open) {
			return fmt.Sprintf("lets any site show the page inside its own (frame-ancestors %s)", open)
		}
	}
	return ""
}

// base refuses that an injected <base> sends relative scripts elsewhere.
func (p policy) base() string {
	bases, set := p["base-uri"]
	if scripts, restricted := p.sources("script-src-elem", "script-src"); restricted && isNone(scripts) {
		return "" // no script runs, wherever it comes from
	}
	if !set {
		return "has no base-uri, so an injected <base> moves every relative address"
	}
	if slices.Contains(bases, "*") {
		return "lets an injected <base> point anywhere (base-uri *)"
	}
	return ""
}

// isNone reports whether no source is allowed (section 2.3.1).
func isNone(sources []string) bool {
	return len(sources) == 0 || len(sources) == 1 && strings.EqualFold(sources[0], "'none'")
}
