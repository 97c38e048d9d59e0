package parts

import (
	"context"
	"fmt"

	"tocsin/internal/target"
	"tocsin/scenarios"
	"tocsin/scenarios/engine"
	"tocsin/visual"
)

// Visual compares pages with their approved pictures.
type Visual struct {
	Target   *target.Target
	StateDir string
}

// Check compares one page. Every check has evidence of its own.
func (v Visual) Check(ctx context.Context, page string) engine.Look {
	result := visual.Check(ctx, visual.Config{Target: v.Target, Page: page, StateDir: v.StateDir})
	look := engine.Look{
		Verdict: result.Verdict, Reason: result.Reason,
		Measured: fmt.Sprintf("%.3f %% of the pixels changed", result.Percent),
	}
	for _, file := range []scenarios.Evidence{
		{Title: "approved", Path: result.Files.Baseline},
		{Title: "now", Path: result.Files.Actual},
		{Title: "difference", Path: result.Files.Difference},
	} {
		if file.Path != "" {
			look.Evidence = append(look.Evidence, file)
		}
	}
	return look
}
