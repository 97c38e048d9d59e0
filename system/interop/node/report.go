package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
)

// Step is one line of a client's report.
type Step struct {
	Name    string `json:"step"`
	OK      bool   `json:"ok"`
	Millis  int    `json:"ms"`
	Problem string `json:"problem"`
}

// Report runs a client to its end and returns the steps it took. The error is
// for a client that could not report; a step that failed is no error.
func Report(command *exec.Cmd) ([]Step, error) {
	var output, complaints bytes.Buffer
	command.Stdout, command.Stderr = &output, &complaints
	ran := command.Run()
	var steps []Step
	for line := range bytes.Lines(output.Bytes()) {
		var step Step
		if err := json.Unmarshal(line, &step); err != nil {
			return steps, fmt.Errorf("client said %q: %w", line, err)
		}
		steps = append(steps, step)
	}
	if ran != nil && complaints.Len() > 0 {
		return steps, fmt.Errorf("client broke down: %w: %s", ran, complaints.Bytes())
	}
	return steps, nil
}
