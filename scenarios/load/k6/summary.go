package k6

import (
	"encoding/json"
	"fmt"
	"os"
)

// summary is the part of handleSummary's data that is used. Its thresholds say
// ok: true for good, unlike those of --summary-export (grafana/k6#1498).
type summary struct {
	Metrics map[string]struct {
		Values map[string]float64 `json:"values"`
	} `json:"metrics"`
	State struct {
		TestRunDurationMS float64 `json:"testRunDurationMs"`
	} `json:"state"`
}

// count is the value of a counter; a metric without samples is absent and
// counts 0.
func (s summary) count(metric string) int {
	return int(s.Metrics[metric].Values["count"])
}

func readSummary(path string) (summary, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return summary{}, fmt.Errorf("read summary of k6: %w", err)
	}
	return parseSummary(data)
}

func parseSummary(data []byte) (summary, error) {
	var read summary
	if err := json.Unmarshal(data, &read); err != nil {
		return summary{}, fmt.Errorf("parse summary of k6: %w", err)
	}
	if read.Metrics == nil {
		return summary{}, fmt.Errorf("parse summary of k6: it has no metrics")
	}
	return read, nil
}
