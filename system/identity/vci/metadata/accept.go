package metadata

import (
	"strconv"
	"strings"
)

// maxHeader bounds the Accept headers that are looked at.
const maxHeader = 1 << 10

// prefersSigned reports whether an Accept header asks for application/jwt at
// least as much as for JSON (RFC 9110, 12.5.1). It has to name it: whoever
// takes anything gets JSON, which every wallet understands.
func prefersSigned(accept string) bool {
	if len(accept) > maxHeader {
		return false
	}
	var jwt, plain, anything float64
	for item := range strings.SplitSeq(accept, ",") {
		kind, parameters, _ := strings.Cut(item, ";")
		weight := weightOf(parameters)
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "application/jwt":
			jwt = weight
		case "application/json":
			plain = weight
		case "*/*", "application/*":
			anything = max(anything, weight)
		}
	}
	if plain == 0 {
		plain = anything
	}
	return jwt > 0 && jwt >= plain
}

func weightOf(parameters string) float64 {
	for parameter := range strings.SplitSeq(parameters, ";") {
		text, isWeight := strings.CutPrefix(strings.TrimSpace(parameter), "q=")
		if !isWeight {
			continue
		}
		weight, err := strconv.ParseFloat(text, 64)
		if err != nil || weight < 0 || weight > 1 {
			return 0
		}
		return weight
	}
	return 1
}
