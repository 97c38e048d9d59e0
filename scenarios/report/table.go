package report

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin/internal/verdict"
	"tocsin/scenarios"
)

// SGR colours of a terminal.
const (
	green  = "\x1b[32m"
	red    = "\x1b[1;31m"
	yellow = "\x1b[33m"
	bold   = "\x1b[1m"
	dim    = "\x1b[2m"
	plain  = "\x1b[0m"
)

// Table writes outcome for a person at a terminal.
func Table(w io.Writer, outcome scenarios.Outcome, colours bool) error {
	paint := func(colour, text string) string {
		if !colours {
			return text
		}
		return colour + text + plain
	}
	var out strings.Builder
	fmt.Fprintf(&out, "\n%s  %s\n", paint(bold, outcome.Scenario), outcome.Claim)
	fmt.Fprintf(&out, "%s\n", paint(dim, about(outcome)))
	width := 0
	for _, line := range outcome.Expectations {
		width = max(width, utf8.RuneCountInString(line.Name))
	}
	var part scenarios.Part
	for _, line := range outcome.Expectations {
		if line.Part != part {
			part = line.Part
			fmt.Fprintf(&out, "\n%s\n", paint(dim, strings.ToUpper(string(part))))
		}
		padding := strings.Repeat(" ", width-utf8.RuneCountInString(line.Name))
		fmt.Fprintf(&out, "  %s  %s%s  %s\n", paint(colourOf(line.Verdict), word(line.Verdict)), line.Name, padding, line.Reason)
	}
	fmt.Fprintf(&out, "\n%s\n", paint(dim, "FIGURES"))
	for _, figure := range Figures(outcome) {
		fmt.Fprintf(&out, "  %-32s %-14s %s\n", figure.Name, figure.Value, paint(dim, figure.Note))
	}
	fmt.Fprintf(&out, "\n%s  %s\n", paint(colourOf(outcome.Verdict), strings.ToUpper(string(outcome.Verdict))), outcome.Reason)
	if _, err := io.WriteString(w, out.String()); err != nil {
		return fmt.Errorf("write outcome: %w", err)
	}
	return nil
}

func about(outcome scenarios.Outcome) string {
	return fmt.Sprintf("target %s, run %s, %s, took %s", outcome.Target, outcome.RunID,
		outcome.Started.Format("2006-01-02 15:04:05 MST"), outcome.Ended.Sub(outcome.Started).Round(time.Second))
}

func word(v verdict.Verdict) string {
	switch v {
	case verdict.Pass:
		return "✔ pass   "
	case verdict.PassAfterRetry:
		return "✔ retried"
	case verdict.Fail:
		return "✘ FAIL   "
	}
	return "? unknown"
}

func colourOf(v verdict.Verdict) string {
	switch {
	case v.Good():
		return green
	case v == verdict.Fail:
		return red
	}
	return yellow
}

// Figure is one number that people ask for first, and what belongs to it.
type Figure struct {
	Name  string
	Value string
	Note  string
}

// Figures are the numbers of an outcome, those that were measured.
func Figures(outcome scenarios.Outcome) []Figure {
	var figures []Figure
	add := func(name, value, note string) { figures = append(figures, Figure{name, value, note}) }
	if load := outcome.Load; load != nil {
		add("logins", fmt.Sprint(load.Logins), fmt.Sprintf("%d failed, %d waited", load.Failed, load.Waited))
		add("logins per second", fmt.Sprintf("%.1f", load.DeliveredRate), fmt.Sprintf("of %.0f asked", load.AskedRate))
		add("latency, median", span(load.P50MS), fmt.Sprintf("p95 %s, p99 %s", span(load.P95MS), span(load.P99MS)))
		add("lies", fmt.Sprint(load.Lies), "verdicts against valid input")
	}
	timings := outcome.Timings
	for _, timing := range []struct {
		name  string
		value *float64
	}{
		{"longest wait of a login", timings.LongestWait},
		{"longest time without a write", timings.WriteGap},
		{"fault seen by probes after", timings.SeenAfter},
		{"error-free after", timings.ErrorFreeAfter},
		{"pager rang after", timings.AlertAfter},
		{"reverting took", timings.RevertTook},
		{"recovered after the revert", timings.RecoveredAfter},
	} {
		if timing.value != nil {
			add(timing.name, span(*timing.value), "")
		}
	}
	if audit := outcome.Ledger; audit != nil {
		add("writes still acknowledged", fmt.Sprintf("%d of %d", audit.Kept, audit.Written),
			fmt.Sprintf("%d lost, %d doubled, %d unknown", len(audit.Lost), len(audit.Doubled), audit.Unknown))
	}
	return figures
}

// span renders milliseconds.
func span(ms float64) string {
	if ms < 1000 {
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f s", ms/1000)
}
