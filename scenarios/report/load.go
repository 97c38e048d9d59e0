package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"tocsin/scenarios/load"
)

// LoadTable writes the figures of a load for a person at a terminal.
func LoadTable(w io.Writer, judged load.Judged) error {
	var out strings.Builder
	row := func(name, format string, values ...any) {
		fmt.Fprintf(&out, "  %-14s %s\n", name, fmt.Sprintf(format, values...))
	}
	fmt.Fprintf(&out, "%s: %s\n", strings.ToUpper(string(judged.Verdict)), judged.Reason)
	row("delivered", "%.1f of %.0f logins/s (%.1f %%)", judged.DeliveredRate, judged.AskedRate, judged.DeliveredShare()*100)
	row("logins", "%d: %d ok, %d failed, %d waited, %d restarts", judged.Logins, judged.OK, judged.Failed, judged.Waited, judged.Restarts)
	row("dropped", "%d", judged.Dropped)
	row("longest", "%s", span(judged.LongestMS))
	row("latency", "p50 %s, p95 %s, p99 %s", span(judged.P50MS), span(judged.P95MS), span(judged.P99MS))
	row("lies", "%d", judged.Lies)
	for _, kind := range slices.Sorted(maps.Keys(judged.Problems)) {
		row("problem "+string(kind), "%d attempts", judged.Problems[kind])
	}
	for _, failure := range judged.Failures {
		row("failed", "started %s, trace %s: %s", clock(failure.Started), failure.TraceID, failure.Reason)
	}
	if _, err := io.WriteString(w, out.String()); err != nil {
		return fmt.Errorf("write figures of load: %w", err)
	}
	return nil
}
