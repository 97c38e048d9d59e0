package accessibility

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

func encoded(t testing.TB, report *Report) []byte {
	t.Helper()
	written, err := report.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return written
}

func TestReportIsReadAsItWasWritten(t *testing.T) {
	full := reported("critical label #id a", "serious color-contrast #host&>>>&p b", "minor region p c")
	full.Unchecked, full.Incomplete, full.Omitted = []string{"bypass", "list"}, 3, 4
	for name, report := range map[string]*Report{"none": reported(), "full": full} {
		written := encoded(t, report)
		read, err := Decode(bytes.NewReader(written))
		if err != nil || !reflect.DeepEqual(read, report) {
			t.Errorf("%s: %+v, %v", name, read, err)
		}
		if lines := bytes.Count(written, []byte("\n")); lines != len(report.Findings)+2 {
			t.Errorf("%s has %d lines: %s", name, lines, written)
		}
	}
}

func TestDecodeRefusesWhatIsNoReport(t *testing.T) {
	good := string(encoded(t, reported("critical label #id a", "serious list ul b")))
	for name, test := range map[string]struct{ was, becomes, says string }{
		"another version":        {`"version":1`, `"version":2`, "version is 2"},
		"a member of its own":    {`"passed"`, `"Xpassed"`, "unknown field"},
		"a finding's own member": {`"rule":"list"`, `"rool":"list"`, "unknown field"},
		"no engine":              {Engine, "", "engine"},
		"a negative count":       {`"passed":20`, `"passed":-1`, "less than nothing"},
		"an unknown impact":      {`"impact":"serious"`, `"impact":"dire"`, `impact "dire"`},
		"a finding without path": {`"path":"ul"`, `"path":""`, "has no path"},
		"a finding twice":        {`"rule":"list","impact":"serious","help":"Elements must be good","help_url":"https://example.org/rule","path":"ul"`, `"rule":"label","impact":"serious","help":"x","help_url":"","path":"#id"`, "twice"},
		"findings out of order":  {`"impact":"critical"`, `"impact":"minor"`, "worse than the one before"},
		"a text that is endless": {`"summary":"Fix it"`, `"summary":"` + strings.Repeat("x", MaxText+1) + `"`, "characters"},
		"a path that is endless": {`"path":"ul"`, `"path":"` + strings.Repeat("é", MaxPath+1) + `"`, "characters"},
		"unsorted rules":         {`"findings":`, `"unchecked":["b","a"],"findings":`, "not sorted"},
		"findings left out":      {good, `{"version":1,"engine":"x","passed":1,"incomplete":0}`, "not even none"},
		"something behind it":    {"\n]}\n", "\n]} {}", "follows its end"},
		"half a report":          {"\n]}\n", "", "unexpected"},
		"a report that is huge":  {good, `"` + strings.Repeat("x", MaxBytes) + `"`, "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(good, test.was) {
				t.Fatalf("%q is not in %s", test.was, good)
			}
			_, err := Decode(strings.NewReader(strings.Replace(good, test.was, test.becomes, 1)))
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %q", err, test.says)
			}
		})
	}
}

// TestWhatAxeCoreSaysIsBounded: whatever a page makes it say, the report can be
// written and read again.
func TestWhatAxeCoreSaysIsBounded(t *testing.T) {
	endless := strings.Repeat("\x01é", MaxPath)
	seen := sight{Engine: Engine, Passed: 1, Unchecked: []string{"list", "bypass"}, Found: MaxFindings + 9}
	for range MaxFindings {
		seen.Findings = append(seen.Findings, sighted{Finding: Finding{
			Rule: "label", Impact: Critical, Help: endless, HelpURL: "https://example.org/" + endless, Path: endless,
			Summary: "Fix any of the following:\n  One\n  " + endless + "\n\nFix all of the following:\n  Two",
		}})
	}
	report, err := seen.report()
	if err != nil {
		t.Fatal(err)
	}
	read, err := Decode(bytes.NewReader(encoded(t, report)))
	if err != nil || len(read.Findings) != MaxFindings || read.Omitted != 9 || read.Unchecked[0] != "bypass" {
		t.Errorf("%v, %d findings, %d omitted, unchecked %v", err, len(read.Findings), read.Omitted, read.Unchecked)
	}
	if said := read.Findings[0].Summary; !strings.HasPrefix(said, "Fix any of the following: One; ") {
		t.Errorf("summary %q", said)
	}
	for name, bad := range map[string]sight{
		"a page on which nothing was judged": {Engine: Engine},
		"another engine":                     {Engine: "axe-core/0", Passed: 9},
		"an impact that is not known":        {Engine: Engine, Findings: []sighted{{Finding: Finding{Rule: "x", Impact: "dire", Help: "y", Path: "z"}}}},
		"an element that is not on the page": {Engine: Engine, Findings: []sighted{{Finding: Finding{Rule: "x", Impact: Minor, Help: "y"}}}},
	} {
		if report, err := bad.report(); err == nil {
			t.Errorf("%s has a report: %+v", name, report)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encoded(f, reported()))
	full := reported("critical label #id a", "serious color-contrast #host&>>>&p b")
	full.Unchecked, full.Omitted = []string{"bypass"}, 1
	f.Add(encoded(f, full))
	f.Add([]byte(`{"version":1,"findings":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		report, err := Decode(bytes.NewReader(data))
		if err != nil {
			return
		}
		again, err := Decode(bytes.NewReader(encoded(t, report)))
		if err != nil || !reflect.DeepEqual(again, report) {
			t.Errorf("read %+v, written and read %+v, %v", report, again, err)
		}
		if fresh, err := New(report, again, Minor); err == nil && len(fresh) > 0 {
			t.Errorf("new to itself: %v", fresh)
		}
	})
}
