package accessibility

import (
	"fmt"
	"slices"
	"strings"
)

// Impact is how much a finding stands in somebody's way, in the words of
// axe-core.
type Impact string

// The impacts, the least first.
const (
	Minor    Impact = "minor"
	Moderate Impact = "moderate"
	Serious  Impact = "serious"
	Critical Impact = "critical"
)

// Impacts are all of them, the least first.
func Impacts() []Impact { return []Impact{Minor, Moderate, Serious, Critical} }

// Check says what is wrong with an impact that somebody wrote.
func (i Impact) Check() error {
	if i.rank() < 0 {
		var names []string
		for _, known := range Impacts() {
			names = append(names, string(known))
		}
		return fmt.Errorf("impact %q is none of %s", i, strings.Join(names, ", "))
	}
	return nil
}

// AtLeast reports whether the impact is that of the other or a worse one.
func (i Impact) AtLeast(least Impact) bool { return i.rank() >= least.rank() }

// rank counts from 0, the least; -1 is no impact.
func (i Impact) rank() int { return slices.Index(Impacts(), i) }
