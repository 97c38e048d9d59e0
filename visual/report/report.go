package report

import (
	"bytes"
	_ "embed" // the template and its style
	"fmt"
	"html/template"
	"time"
)

// Region is a part of the page that changed, in pixels of the picture.
type Region struct{ X, Y, Width, Height int }

// Fact is a line of what is known about a check.
type Fact struct{ Name, Value string }

// Report is what is shown. Pictures are names of files beside the report; empty
// ones are left out.
type Report struct {
	Title    string
	Verdict  string
	Reason   string
	Taken    time.Time
	Baseline string
	Actual   string
	// Difference is the picture in which what changed is marked.
	Difference string
	// First is the picture of the first attempt, where there was a second, and
	// FirstDifference how it differed.
	First           string
	FirstDifference string
	Width           int
	Height          int
	Regions         []Region
	// Words are what changed, most important first.
	Words []string
	// Barriers are new findings about accessibility.
	Barriers []string
	Facts    []Fact
	// Approve and Reject are the commands with which a person decides.
	Approve, Reject string
}

//go:embed report.html
var page string

//go:embed report.css
var style string

// HTML writes the report.
func (r *Report) HTML() ([]byte, error) {
	parsed, err := template.New("report").Funcs(template.FuncMap{
		"style": func() template.CSS { return template.CSS(style) },
		"share": func(part, whole int) template.CSS {
			return template.CSS(fmt.Sprintf("%.4f%%", 100*float64(part)/float64(max(whole, 1))))
		},
	}).Parse(page)
	if err != nil {
		return nil, fmt.Errorf("write report: %w", err)
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, r); err != nil {
		return nil, fmt.Errorf("write report: %w", err)
	}
	return out.Bytes(), nil
}
