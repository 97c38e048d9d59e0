package parts

import (
	"context"
	"fmt"
	"strings"

	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/scenarios"
	"tocsin/scenarios/engine"
	"tocsin/visual"
	"tocsin/visual/checks"
)

// Visual compares pages with their approved pictures.
type Visual struct {
	Config visual.Config
	// Shots are those of the file of visual checks.
	Shots []checks.Shot
}

// Check compares a page in every way in which the file looks at it, or one of
// them. Every check has evidence of its own.
func (v Visual) Check(ctx context.Context, name string) (look engine.Look) {
	shots, err := checks.Chosen(v.Shots, []string{name})
	if err != nil {
		return engine.Look{Verdict: verdict.Unknown, Reason: err.Error()}
	}
	looker, err := visual.NewLooker(v.Config)
	if err != nil {
		return engine.Look{Verdict: verdict.Unknown, Reason: err.Error()}
	}
	defer func() {
		if err := looker.Close(); err != nil && look.Verdict.Good() {
			look.Verdict, look.Reason = verdict.Unknown, fmt.Sprintf("%v (found: %s)", err, look.Reason)
		}
	}()
	run, worst := telemetry.RunID(), 0.0
	var verdicts []verdict.Verdict
	var reasons []string
	for _, shot := range shots {
		result := looker.Check(ctx, visual.Look{Shot: shot, RunID: run, KeepPass: true})
		verdicts = append(verdicts, result.Verdict)
		if len(shots) == 1 || !result.Verdict.Good() {
			reasons = append(reasons, result.Check+": "+result.Detail)
		}
		worst = max(worst, result.Percent)
		look.Evidence = append(look.Evidence, evidenceOf(result)...)
	}
	look.Verdict, look.Reason = verdict.Combine(verdicts...), strings.Join(reasons, "; ")
	if look.Reason == "" {
		look.Reason = fmt.Sprintf("%d pictures look as approved", len(shots))
	}
	look.Measured = fmt.Sprintf("%.3f %% of the pixels changed", worst)
	return look
}

func evidenceOf(result visual.Result) (kept []scenarios.Evidence) {
	for _, file := range []scenarios.Evidence{
		{Title: "approved", Path: result.Files.Baseline},
		{Title: "now", Path: result.Files.Actual},
		{Title: "difference", Path: result.Files.Difference},
	} {
		if file.Path != "" {
			kept = append(kept, file)
		}
	}
	return kept
}
