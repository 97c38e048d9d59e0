package doctor

import (
	"context"

	"tocsin/internal/verdict"
)

// Finding is the result of one check.
type Finding struct {
	Check   string          `json:"check"`
	Verdict verdict.Verdict `json:"verdict"`
	Found   string          `json:"found"`
	// Do is what to do about it; empty for a pass.
	Do string `json:"do,omitempty"`
}

// Check makes one finding.
type Check struct {
	Name string
	Run  func(ctx context.Context) Finding
}

// Report is what one examination found.
type Report struct {
	Verdict  verdict.Verdict `json:"verdict"`
	Findings []Finding       `json:"findings"`
}

// Examine runs the checks in order.
func Examine(ctx context.Context, checks []Check) Report {
	var report Report
	verdicts := make([]verdict.Verdict, 0, len(checks))
	for _, check := range checks {
		finding := check.Run(ctx)
		finding.Check = check.Name
		report.Findings = append(report.Findings, finding)
		verdicts = append(verdicts, finding.Verdict)
	}
	report.Verdict = verdict.Combine(verdicts...)
	return report
}

// Good is the finding of a check that is content.
func Good(found string) Finding { return Finding{Verdict: verdict.Pass, Found: found} }

// Ours is the finding of something wrong on this machine.
func Ours(found, do string) Finding { return Finding{Verdict: verdict.Unknown, Found: found, Do: do} }

// Theirs is the finding of something wrong with the target.
func Theirs(found, do string) Finding { return Finding{Verdict: verdict.Fail, Found: found, Do: do} }

// Program checks that a program is there. Find returns its path.
func Program(name, do string, find func() (string, error)) Check {
	return Check{Name: name, Run: func(context.Context) Finding {
		path, err := find()
		if err != nil {
			return Ours(err.Error(), do)
		}
		return Good(path)
	}}
}
