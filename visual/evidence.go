package visual

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

const (
	actualFile     = "actual.png"
	baselineFile   = "baseline.png"
	differenceFile = "difference.png"
	resultFile     = "result.json"
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
	encoded, err := json.MarshalIndent(c.result, "", "  ")
	if err != nil {
		return fmt.Errorf("encode evidence: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, resultFile), append(encoded, '\n'), 0o600); err != nil {
		return fmt.Errorf("write evidence: %w", err)
	}
	return nil
}
