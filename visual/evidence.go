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
	pageFile       = "page.json"
	barriersFile   = "accessibility.json"
	resultFile     = "result.json"
	reportFile     = "report.html"
	// firstFile is the picture of the first attempt, and firstDifferenceFile how
	// it differed, where there was a second.
	firstFile           = "first.png"
	firstDifferenceFile = "first-difference.png"
)

// Folder is where the checks of a run leave their pictures, a folder each.
func Folder(stateDir, runID string) string {
	return filepath.Join(stateDir, "runs", runID, "visual")
}

// BaselineDir is where approved pictures are in a state folder.
func BaselineDir(stateDir string) string { return filepath.Join(stateDir, "baselines") }

// writeEvidence leaves the pictures and the result of the check, and notes the
// paths in the result.
func (c *check) writeEvidence() error {
	folder, err := filepath.Abs(filepath.Join(Folder(c.looker.config.StateDir, c.RunID), c.result.Check))
	if err != nil {
		return fmt.Errorf("resolve folder of evidence: %w", err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("make folder of evidence: %w", err)
	}
	if err := c.writePictures(folder); err != nil {
		return err
	}
	if err := c.writeReport(folder); err != nil {
		return err
	}
	encoded, err := json.MarshalIndent(c.result, "", "  ")
	if err != nil {
		return fmt.Errorf("encode evidence: %w", err)
	}
	return write(folder, resultFile, append(encoded, '\n'))
}

func write(folder, name string, content []byte) error {
	if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
		return fmt.Errorf("write evidence: %w", err)
	}
	return nil
}

func (c *check) writePictures(folder string) error {
	type file struct {
		name    string
		content []byte
		path    *string
	}
	files := []file{{differenceFile, c.difference, &c.result.Files.Difference}, {pageFile, c.page, nil}, {barriersFile, c.barriers, nil}}
	if c.seen.Shot != nil {
		files = append(files, file{actualFile, c.seen.PNG, &c.result.Files.Actual})
	}
	if c.approved != nil {
		files = append(files, file{baselineFile, c.approved.PNG, &c.result.Files.Baseline})
	}
	if c.first != nil {
		files = append(files, file{firstFile, c.first.seen.PNG, nil}, file{firstDifferenceFile, c.first.difference, nil})
	}
	for _, f := range files {
		if f.content == nil {
			continue
		}
		if err := write(folder, f.name, f.content); err != nil {
			return err
		}
		if f.path != nil {
			*f.path = filepath.Join(folder, f.name)
		}
	}
	return nil
}

// writeReport leaves the page that shows the pictures to people.
func (c *check) writeReport(folder string) error {
	if c.result.Files.Actual == "" {
		return nil
	}
	html, err := c.shown().HTML()
	if err != nil {
		return fmt.Errorf("write evidence: %w", err)
	}
	c.result.Files.Report = filepath.Join(folder, reportFile)
	return write(folder, reportFile, html)
}

func (c *check) shown() *report.Report {
	r := c.result
	shown := &report.Report{
		Title: r.Check + " of " + r.Target, Verdict: string(r.Verdict), Reason: r.Detail, Taken: r.Started,
		Actual: actualFile, Width: r.Width, Height: r.Height,
		Facts: []report.Fact{
			{Name: "page", Value: r.URL}, {Name: "run", Value: r.RunID}, {Name: "browser", Value: r.Environment.Chromium},
			{Name: "viewport", Value: r.Environment.Viewport}, {Name: "metric", Value: r.Environment.Metric},
		},
	}
	if c.approved != nil {
		shown.Baseline = baselineFile
		shown.Facts = append(shown.Facts, report.Fact{Name: "approved", Value: c.approvedBy()})
	}
	for _, change := range r.Changes {
		shown.Words = append(shown.Words, change.Sentence)
	}
	if r.OmittedChanges > 0 {
		shown.Words = append(shown.Words, fmt.Sprintf("%d more changes", r.OmittedChanges))
	}
	shown.Barriers = r.Barriers
	if c.difference != nil {
		shown.Difference = differenceFile
		shown.Facts = append(shown.Facts, report.Fact{Name: "fingerprint", Value: r.Fingerprint})
		shown.Reject = fmt.Sprintf("tocsin visual reject %s --from %s --reason 'what is wrong'", r.Check, r.RunID)
	}
	if c.first != nil {
		shown.First, shown.FirstDifference = firstFile, firstDifferenceFile
	}
	if r.Approvable && r.Verdict != verdict.Pass {
		shown.Approve = fmt.Sprintf("tocsin visual approve %s --from %s --reason 'what was changed and why'", r.Check, r.RunID)
	}
	for _, box := range r.Boxes {
		shown.Regions = append(shown.Regions, report.Region(box))
	}
	return shown
}
