// Package metrics owns what Prometheus is told of visual checks: the last look
// at each. What a check found is decided in the packages beside it.
package metrics
