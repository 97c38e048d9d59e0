package quorum

import (
	"fmt"
	"slices"

	"tocsin/internal/strictyaml"
	"tocsin/probes"
)

// Config says who votes, and how many must agree.
type Config struct {
	// Agree is how many checkpoints must see a probe fail before it is an
	// outage. Default: more than half of them.
	Agree int `yaml:"agree"`
	// Checkpoints are the names of those that vote. Others may report as well;
	// their results are recorded and do not count.
	Checkpoints []string `yaml:"checkpoints"`
}

// Check fills defaults in and reports what is wrong.
func (c *Config) Check(report strictyaml.Report) {
	if len(c.Checkpoints) == 0 {
		report("checkpoints", "no checkpoint is named", "name those that vote, such as [a, b, c]")
		return
	}
	for index, name := range c.Checkpoints {
		key := fmt.Sprintf("checkpoints[%d]", index)
		if !probes.ValidCheckpoint(name) {
			report(key, fmt.Sprintf("%q cannot name a checkpoint", name), "use "+probes.CheckpointName)
		}
		if slices.Index(c.Checkpoints, name) < index {
			report(key, fmt.Sprintf("%q is named twice", name), "each checkpoint has one vote")
		}
	}
	if c.Agree == 0 {
		c.Agree = len(c.Checkpoints)/2 + 1
	}
	if c.Agree < 1 || c.Agree > len(c.Checkpoints) {
		report("agree", fmt.Sprintf("%d of %d checkpoints can never agree", c.Agree, len(c.Checkpoints)),
			fmt.Sprintf("choose from 1 to %d", len(c.Checkpoints)))
	}
}

// Decision is what the votes come to.
type Decision string

// The three decisions. Unknown is neither of the others: nobody can tell.
const (
	Unknown Decision = "unknown"
	Up      Decision = "up"
	Outage  Decision = "outage"
)

// Tally is who voted what, by names in order. Silent are those whose last vote
// is too old, and those that never voted.
type Tally struct {
	Up     []string `json:"up"`
	Down   []string `json:"down"`
	Silent []string `json:"silent"`
}

// Decide counts. It takes as many to say that the target works as to say that
// it does not, unless the silent ones could not make it an outage either. Fewer
// voters than must agree decide nothing.
func (c Config) Decide(t Tally) Decision {
	switch voters := len(t.Up) + len(t.Down); {
	case len(t.Down) >= c.Agree:
		return Outage
	case voters < c.Agree:
		return Unknown
	case len(t.Up) >= c.Agree, len(t.Down)+len(c.Checkpoints)-voters < c.Agree:
		return Up
	default:
		return Unknown
	}
}
