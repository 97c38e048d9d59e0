package accessibility

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// reported is a report of findings, each "IMPACT RULE PATH FINGERPRINT".
func reported(findings ...string) *Report {
	report := &Report{Version: Version, Engine: Engine, Passed: 20, Findings: []Finding{}}
	for _, written := range findings {
		parts := strings.Fields(written)
		report.Findings = append(report.Findings, Finding{
			Impact: Impact(parts[0]), Rule: parts[1], Path: parts[2], Fingerprint: parts[3],
			Help: "Elements must be good", HelpURL: "https://example.org/rule", Summary: "Fix it",
		})
	}
	return report
}

func TestWhatIsNewAndTheOtherWayRound(t *testing.T) {
	for _, test := range []struct {
		name        string
		before, now []string
		fresh, gone []string
	}{
		{name: "what was approved is not new", before: []string{"critical label #id a"}, now: []string{"critical label #id a"}},
		{name: "a finding on a page that had none", now: []string{"critical label #id a"}, fresh: []string{"label #id"}},
		{name: "a finding that was mended", before: []string{"critical label #id a"}, gone: []string{"label #id"}},
		{
			name:   "another rule at the same element",
			before: []string{"critical label #id a"}, now: []string{"critical label #id a", "serious color-contrast #id a"},
			fresh: []string{"color-contrast #id"},
		},
		{name: "an element whose id has changed is the same", before: []string{"critical label #r1 a"}, now: []string{"critical label #r2 a"}},
		{name: "an element that says something else at its place is the same", before: []string{"serious color-contrast p a"}, now: []string{"serious color-contrast p b"}},
		{
			name:   "one mended and another broken is new, though the count is the same",
			before: []string{"critical label #id a"}, now: []string{"critical label #pin b"},
			fresh: []string{"label #pin"}, gone: []string{"label #id"},
		},
		{
			name:   "one added above others that moved down is the new one",
			before: []string{"serious color-contrast li:1 a", "serious color-contrast li:2 b"},
			now:    []string{"serious color-contrast li:1 x", "serious color-contrast li:2 a", "serious color-contrast li:3 b"},
			fresh:  []string{"color-contrast li:1"},
		},
		{
			name:   "of several that are alike, as many are new as were added",
			before: []string{"serious image-alt img:1 a", "serious image-alt img:2 a"},
			now:    []string{"serious image-alt img:1 a", "serious image-alt img:2 a", "serious image-alt img:3 a"},
			fresh:  []string{"image-alt img:3"},
		},
		{
			name:   "of several that are alike, as many are gone as were removed",
			before: []string{"serious image-alt img:1 a", "serious image-alt img:2 a", "serious image-alt img:3 a"},
			now:    []string{"serious image-alt img:2 a"},
			gone:   []string{"image-alt img:1", "image-alt img:3"},
		},
		{name: "what matters less than asked for", now: []string{"moderate meta-viewport meta a", "minor region p b"}},
		{
			name:   "what mattered less when it was approved",
			before: []string{"moderate aria-roles #a a"}, now: []string{"critical aria-roles #a a"},
			fresh: []string{"aria-roles #a"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			before, now := reported(test.before...), reported(test.now...)
			fresh, err := New(before, now, Serious)
			if got := told(fresh); err != nil || !slices.Equal(got, test.fresh) {
				t.Errorf("new: %q, %v; want %q", got, err, test.fresh)
			}
			gone, err := New(now, before, Serious)
			if got := told(gone); err != nil || !slices.Equal(got, test.gone) {
				t.Errorf("gone: %q, %v; want %q", got, err, test.gone)
			}
		})
	}
}

func TestReportsThatCannotBeComparedAreNeverGood(t *testing.T) {
	changed := func(change func(*Report)) *Report {
		report := reported("critical label #id a")
		change(report)
		return report
	}
	same := reported("critical label #id a")
	for name, test := range map[string]struct {
		before, now *Report
		says        string
	}{
		"nothing approved":             {nil, same, "approve the page once more"},
		"not looked at":                {same, nil, "was not looked at"},
		"another engine":               {changed(func(r *Report) { r.Engine = "axe-core/4.10.0" }), same, "approved with axe-core/4.10.0 (form 1), looked at with " + Engine},
		"another form":                 {changed(func(r *Report) { r.Version = 2 }), same, "form 2"},
		"more findings than are known": {same, changed(func(r *Report) { r.Omitted = 1 }), "not all known"},
		"a rule that axe-core failed at": {
			same, changed(func(r *Report) { r.Unchecked = []string{"label"} }), "(label; approved: none)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			fresh, err := New(test.before, test.now, Minor)
			if !errors.Is(err, ErrIncomparable) || !strings.Contains(err.Error(), test.says) || fresh != nil {
				t.Errorf("new: %v, %v", fresh, err)
			}
			if gone, err := New(test.now, test.before, Minor); !errors.Is(err, ErrIncomparable) || gone != nil {
				t.Errorf("gone: %v, %v", gone, err)
			}
		})
	}
}

func TestImpact(t *testing.T) {
	for _, impact := range Impacts() {
		if err := impact.Check(); err != nil {
			t.Error(err)
		}
	}
	if err := Impact("severe").Check(); err == nil || !strings.Contains(err.Error(), "minor, moderate, serious, critical") {
		t.Errorf("got %v", err)
	}
	if !Critical.AtLeast(Serious) || !Serious.AtLeast(Serious) || Moderate.AtLeast(Serious) {
		t.Error("impacts are not in order")
	}
}
