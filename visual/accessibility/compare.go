package accessibility

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrIncomparable is wrapped by errors about two reports of which it cannot be
// said what is new: neither that all is well, nor that something is wrong.
var ErrIncomparable = errors.New("accessibility cannot be compared")

// Comparable says why two reports cannot be compared; its error wraps
// ErrIncomparable. A nil report is one that is missing.
func Comparable(before, now *Report) error {
	switch {
	case before == nil:
		return fmt.Errorf("%w: there is no approved report: approve the page once more", ErrIncomparable)
	case now == nil:
		return fmt.Errorf("%w: the page was not looked at", ErrIncomparable)
	case before.Engine != now.Engine || before.Version != now.Version:
		return fmt.Errorf("%w: approved with %s (form %d), looked at with %s (form %d): approve the page once more",
			ErrIncomparable, before.Engine, before.Version, now.Engine, now.Version)
	case before.Omitted > 0 || now.Omitted > 0:
		return fmt.Errorf("%w: there are more than %d findings, which are not all known", ErrIncomparable, MaxFindings)
	case !slices.Equal(before.Unchecked, now.Unchecked):
		return fmt.Errorf("%w: axe-core failed at other rules than when the page was approved (%s; approved: %s)",
			ErrIncomparable, orNone(now.Unchecked), orNone(before.Unchecked))
	}
	return nil
}

func orNone(rules []string) string {
	if len(rules) == 0 {
		return "none"
	}
	return strings.Join(rules, ", ")
}

// New are the findings of at least an impact that the approved report does not
// have, as they stand in the report of now. A finding is an approved one if the
// rule is the same and so is the element: the same at the same path, or the
// same at another path, because something was added above it or an id has
// changed, or one at the same path that was changed. Each approved finding
// excuses one.
func New(before, now *Report, from Impact) ([]Finding, error) {
	if err := Comparable(before, now); err != nil {
		return nil, err
	}
	return beyond(before.Findings, now.Findings, from), nil
}

// place tells findings by where they are.
type place struct{ rule, path string }

func (f Finding) place() place { return place{f.Rule, f.Path} }

// beyond are the findings that none of the known ones stands for.
func beyond(known, found []Finding, from Impact) []Finding {
	minor := func(f Finding) bool { return !f.Impact.AtLeast(from) }
	known = slices.DeleteFunc(slices.Clone(known), minor)
	found = slices.DeleteFunc(slices.Clone(found), minor)
	for _, key := range []func(Finding) [3]string{
		func(f Finding) [3]string { return [3]string{f.Rule, f.Path, f.Fingerprint} },
		func(f Finding) [3]string { return [3]string{f.Rule, "", f.Fingerprint} },
		func(f Finding) [3]string { return [3]string{f.Rule, f.Path, ""} },
	} {
		known, found = unpaired(known, found, key)
	}
	return found
}

// unpaired are those of two lists that have no partner with the same key in the
// other.
func unpaired(known, found []Finding, key func(Finding) [3]string) (_, _ []Finding) {
	var left []Finding
	free := map[[3]string]int{}
	for _, finding := range known {
		free[key(finding)]++
	}
	taken := map[[3]string]int{}
	for _, finding := range found {
		if k := key(finding); taken[k] < free[k] {
			taken[k]++
		} else {
			left = append(left, finding)
		}
	}
	known = slices.DeleteFunc(known, func(f Finding) bool {
		k := key(f)
		taken[k]--
		return taken[k] >= 0
	})
	return known, left
}
