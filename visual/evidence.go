package visual

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"tocsin/internal/verdict"
	"tocsin/visual/report"
)

const (
	actualFile     = "actual.png"
	baselineFile   = "baseline.png"
	differenceFile = "difference.png"
	resultFile     = "result.json"
	reportFile     = "report.html"
)

// evidenceFolder is where a check of a page leaves its pictures.
func evidenceFolder(stateDir, runID, page string) string {
	return filepath.Join(stateDir, "runs", runID, "visual", page)
}

// writeEvidence leaves the pictures and the result of the check, and notes the
// paths in the result.
func (c *check) writeEvidence() error {
	folder := evidenceFolder(c.config.StateDir, c.config.RunID, c.config.Page)
	folder, err := filepath.Abs(folder)
	if err != nil {
		return fmt.Errorf("resolve folder of evidence: %w", err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("make folder of evidence: %w", err)
	}
	var approved []byte
	if c.approved != nil {
		approved = c.approved.PNG
	}
	for _, file := range []struct {
		name    string
		content []byte
		path    *string
	}{
		{baselineFile, approved, &c.result.Files.Baseline},
		{actualFile, c.actual, &c.result.Files.Actual},
		{differenceFile, c.difference, &c.result.Files.Difference},
	} {
		if file.content == nil {
			continue
		}
		*file.path = filepath.Join(folder, file.name)
		if err := os.WriteFile(*file.path, file.content, 0o600); err != nil {
			return fmt.Errorf("write evidence: %w", err)
		}
	}
	if err := c.writeReport(folder); err != nil {
		return err
	}
	encoded, err := json.MarshalIndent(c.result, "", "  ")
	if err != nil {
		return fmt.Errorf("encode evidence: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, resultFile), append(encoded, '\n'), 0o600); err != nil {
		return fmt.Errorf("write evidence: %w", err)
	}
	return nil
}

// writeReport leaves the page that shows the pictures to people.
func (c *check) writeReport(folder string) error {
	if c.actual == nil {
		return nil
	}
	html, err := c.shown().HTML()
	if err != nil {
		return fmt.Errorf("write evidence: %w", err)
	}
	c.result.Files.Report = filepath.Join(folder, reportFile)
	if err := os.WriteFile(c.result.Files.Report, html, 0o600); err != nil {
		return fmt.Errorf("write evidence: %w", err)
	}
	return nil
}

func (c *check) shown() *report.Report {
	r := c.result
	shown := &report.Report{
		Title: r.Page + " of " + r.Target, Verdict: string(r.Verdict), Reason: r.Reason, Taken: r.Started,
		Actual: actualFile, Width: c.canvas.X, Height: c.canvas.Y,
		Facts: []report.Fact{
			{Name: "page", Value: r.URL}, {Name: "run", Value: r.RunID}, {Name: "browser", Value: r.Environment.Chromium},
			{Name: "viewport", Value: r.Environment.Viewport}, {Name: "metric", Value: r.Environment.Metric},
		},
	}
	if c.approved != nil {
		shown.Baseline = baselineFile
		shown.Facts = append(shown.Facts, report.Fact{Name: "approved", Value: c.approvedBy()})
	}
	if c.difference != nil {
		shown.Difference = differenceFile
		shown.Facts = append(shown.Facts, report.Fact{Name: "fingerprint", Value: r.Fingerprint})
		shown.Reject = fmt.Sprintf("tocsin visual reject %s --from %s --reason 'what is wrong'", r.Page, r.RunID)
	}
	if r.Approvable && r.Verdict != verdict.Pass {
		shown.Approve = fmt.Sprintf("tocsin visual approve %s --from %s --reason 'what was changed and why'", r.Page, r.RunID)
	}
	for _, box := range r.Boxes {
		shown.Regions = append(shown.Regions, report.Region(box))
	}
	return shown
}
