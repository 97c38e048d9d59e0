// Package outage owns what is told when the checkpoints agree, and when they
// cease to: it hands votes to probes/quorum, records every change in the
// journal, and shows where probes stand as metrics. It decides nothing itself.
package outage
