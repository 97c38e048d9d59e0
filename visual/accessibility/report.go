package accessibility

import (
	"fmt"
	"strings"
)

// Version of the form in which reports are written, and of the rules that are
// asked for.
const Version = 1

// Bounds of a report, so that one page cannot fill a disk.
const (
	// MaxFindings are kept of a page, the worst first.
	MaxFindings = 500
	// MaxText is how many characters are kept of one text, and MaxPath of the
	// end of a path.
	MaxText = 400
	MaxPath = 1000
	// MaxBytes is how large a written report may be.
	MaxBytes = 12 << 20
)

// Report is what axe-core said of one page.
type Report struct {
	Version int    `json:"version"`
	Engine  string `json:"engine"`
	// Passed is how many rules applied to something on the page, and held.
	Passed int `json:"passed"`
	// Incomplete is how many elements only a person can judge, like text over
	// a picture.
	Incomplete int `json:"incomplete"`
	// Unchecked are the rules that axe-core itself failed at on this page,
	// sorted.
	Unchecked []string `json:"unchecked,omitempty"`
	// Findings are what is wrong, the worst first, then by rule and in document
	// order. No rule stands twice at one path.
	Findings []Finding `json:"findings"`
	// Omitted is how many findings were left out, beyond MaxFindings.
	Omitted int `json:"omitted,omitempty"`
}

// Finding is one element that breaks one rule. What somebody typed is never in
// it.
type Finding struct {
	// Rule is the name that axe-core gives it, like color-contrast.
	Rule   string `json:"rule"`
	Impact Impact `json:"impact"`
	// Help is the rule as a sentence, and HelpURL explains it.
	Help    string `json:"help"`
	HelpURL string `json:"help_url"`
	// Path finds the element, as page.Element.Path does.
	Path string `json:"path"`
	// Fingerprint tells the element by what it is, and not by where it stands
	// or what its id is: it is known again when its path has changed.
	Fingerprint string `json:"fingerprint"`
	// Summary says what is wrong with it, and what would mend it.
	Summary string `json:"summary"`
}

// String tells the finding to people.
func (f Finding) String() string {
	return fmt.Sprintf("%s: %s at %s: %s", f.Impact, f.Rule, f.Path, f.Help)
}

// clip puts a text on one line and bounds it.
func clip(text string) string {
	line := []rune(strings.Join(strings.Fields(text), " "))
	if len(line) > MaxText {
		return string(line[:MaxText-1]) + "…"
	}
	return string(line)
}

// clipPath keeps the end of a path that is too long, which is what tells it
// from others.
func clipPath(path string) string {
	if runes := []rune(path); len(runes) > MaxPath {
		return "…" + string(runes[len(runes)-MaxPath+1:])
	}
	return path
}
