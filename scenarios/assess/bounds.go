package assess

import (
	"fmt"
	"math"
	"strings"

	"tocsin/internal/verdict"
)

// Bounds assesses the values of an instant query: every one must lie within
// the bounds. No values, or one that is not a number, is unknown.
func Bounds(values []float64, atLeast, atMost *float64) (whole verdict.Verdict, measured, reason string) {
	if len(values) == 0 {
		return verdict.Unknown, "no data", "the query has no data"
	}
	texts := make([]string, 0, len(values))
	for _, value := range values {
		texts = append(texts, fmt.Sprintf("%g", value))
	}
	measured = strings.Join(texts, ", ")
	for _, value := range values {
		switch {
		case math.IsNaN(value):
			return verdict.Unknown, measured, "the query has no number"
		case atLeast != nil && value < *atLeast, atMost != nil && value > *atMost:
			return verdict.Fail, measured, fmt.Sprintf("it is %g, not %s", value, BoundsText(atLeast, atMost))
		}
	}
	return verdict.Pass, measured, "it is " + measured
}

// BoundsText renders bounds for people.
func BoundsText(atLeast, atMost *float64) string {
	switch {
	case atLeast != nil && atMost != nil:
		return fmt.Sprintf("%g to %g", *atLeast, *atMost)
	case atLeast != nil:
		return fmt.Sprintf("at least %g", *atLeast)
	case atMost != nil:
		return fmt.Sprintf("at most %g", *atMost)
	}
	return "any"
}
