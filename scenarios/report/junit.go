package report

import (
	"encoding/json"
	"fmt"
	"io"

	"tocsin/probes/junit"
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

// JUnit writes outcome as one test suite.
func JUnit(w io.Writer, outcome scenarios.Outcome) error {
	suite := junit.Suite{Name: outcome.Scenario, Started: outcome.Started, Took: outcome.Ended.Sub(outcome.Started)}
	for _, line := range outcome.Expectations {
		suite.Cases = append(suite.Cases, junit.Case{
			Name: line.Name, Class: outcome.Scenario + "." + string(line.Part), Verdict: line.Verdict, Reason: line.Reason,
			Text: fmt.Sprintf("expected %s, measured %s", line.Expected, line.Measured),
		})
	}
	if err := junit.Write(w, suite); err != nil {
		return fmt.Errorf("write outcome: %w", err)
	}
	return nil
}
