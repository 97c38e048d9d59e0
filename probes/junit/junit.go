// Package junit owns how verdicts are written for programs that read JUnit's
// XML, as most build servers do. Which verdicts there are is the caller's.
package junit

import (
	"encoding/xml"
	"fmt"
	"io"
	"time"

	"tocsin/internal/verdict"
)

// Suite is what was run together.
type Suite struct {
	Name    string
	Started time.Time
	Took    time.Duration
	Cases   []Case
}

// Case is one verdict. Reason is a line; Text says more where it is not good.
type Case struct {
	Name, Class  string
	Took         time.Duration
	Verdict      verdict.Verdict
	Reason, Text string
}

type suiteXML struct {
	XMLName   xml.Name  `xml:"testsuite"`
	Name      string    `xml:"name,attr"`
	Tests     int       `xml:"tests,attr"`
	Failures  int       `xml:"failures,attr"`
	Errors    int       `xml:"errors,attr"`
	Time      string    `xml:"time,attr"`
	Timestamp string    `xml:"timestamp,attr"`
	Cases     []caseXML `xml:"testcase"`
}

type caseXML struct {
	Name    string   `xml:"name,attr"`
	Class   string   `xml:"classname,attr"`
	Time    string   `xml:"time,attr,omitempty"`
	Failure *problem `xml:"failure"`
	Error   *problem `xml:"error"`
	Output  string   `xml:"system-out,omitempty"`
}

type problem struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// Write writes suite. An unknown verdict is an error, never skipped: most
// readers of the format count skipped tests as good.
func Write(w io.Writer, suite Suite) error {
	written := suiteXML{
		Name: suite.Name, Tests: len(suite.Cases), Time: seconds(suite.Took),
		Timestamp: suite.Started.UTC().Format("2006-01-02T15:04:05"),
	}
	for _, one := range suite.Cases {
		test := caseXML{Name: one.Name, Class: one.Class}
		if one.Took > 0 {
			test.Time = seconds(one.Took)
		}
		switch {
		case one.Verdict == verdict.Fail:
			test.Failure = &problem{one.Reason, one.Text}
			written.Failures++
		case one.Verdict.Good():
			test.Output = one.Reason
		default:
			test.Error = &problem{one.Reason, one.Text}
			written.Errors++
		}
		written.Cases = append(written.Cases, test)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(written); err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	return nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
