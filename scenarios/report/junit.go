package report

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"

	"tocsin/internal/verdict"
	"tocsin/scenarios"
)

// JSON writes outcome as one indented object.
func JSON(w io.Writer, outcome scenarios.Outcome) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(outcome); err != nil {
		return fmt.Errorf("write outcome as JSON: %w", err)
	}
	return nil
}

type testSuite struct {
	XMLName   xml.Name   `xml:"testsuite"`
	Name      string     `xml:"name,attr"`
	Tests     int        `xml:"tests,attr"`
	Failures  int        `xml:"failures,attr"`
	Errors    int        `xml:"errors,attr"`
	Time      string     `xml:"time,attr"`
	Timestamp string     `xml:"timestamp,attr"`
	Cases     []testCase `xml:"testcase"`
}

type testCase struct {
	Name    string   `xml:"name,attr"`
	Class   string   `xml:"classname,attr"`
	Failure *problem `xml:"failure"`
	Error   *problem `xml:"error"`
	Output  string   `xml:"system-out,omitempty"`
}

type problem struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes outcome as one test suite. An unknown line is an error, never
// skipped: most readers of the format count skipped tests as good.
func JUnit(w io.Writer, outcome scenarios.Outcome) error {
	suite := testSuite{
		Name: outcome.Scenario, Tests: len(outcome.Expectations),
		Time:      fmt.Sprintf("%.3f", outcome.Ended.Sub(outcome.Started).Seconds()),
		Timestamp: outcome.Started.UTC().Format("2006-01-02T15:04:05"),
	}
	for _, line := range outcome.Expectations {
		test := testCase{Name: line.Name, Class: outcome.Scenario + "." + string(line.Part)}
		text := &problem{Message: line.Reason, Text: fmt.Sprintf("expected %s, measured %s", line.Expected, line.Measured)}
		switch {
		case line.Verdict == verdict.Fail:
			test.Failure = text
			suite.Failures++
		case line.Verdict.Good():
			test.Output = line.Reason
		default:
			test.Error = text
			suite.Errors++
		}
		suite.Cases = append(suite.Cases, test)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write outcome as JUnit: %w", err)
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(suite); err != nil {
		return fmt.Errorf("write outcome as JUnit: %w", err)
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return fmt.Errorf("write outcome as JUnit: %w", err)
	}
	return nil
}
