package console

import (
	"fmt"
	"html/template"
	"time"

	"tocsin/internal/verdict"
)

func functions() template.FuncMap {
	return template.FuncMap{
		"word": word, "sign": sign, "clock": clock, "ago": ago, "age": age, "ms": ms, "took": took,
		"spark": spark, "delay": delay, "deref": func(t *time.Time) time.Time { return *t },
		"moment": moment, "percent": percent, "share": share, "span": span, "optional": optional, "days": days, "list": list, "outages": outages, "period": brief,
		"page": pageOf, "state": stateOf, "coded": coded, "thumb": thumb, "around": around, "changed": changed, "compared": compared, "narrow": narrow, "thousands": thousands, "meaning": meaning, "standings": standings,
		"tally": tally, "command": command, "newest": newestFirst, "half": func(n int) int { return n / 2 }, "day": func(t time.Time) string { return t.UTC().Format("2 Jan 2006") },
	}
}

// word says a verdict without colour.
func word(v verdict.Verdict) string {
	switch v {
	case verdict.Pass:
		return "pass"
	case verdict.PassAfterRetry:
		return "pass after retry"
	case verdict.Fail:
		return "FAIL"
	case verdict.Unknown:
		return "unknown"
	default:
		return "running"
	}
}

// sign differs in shape, for those who do not see colours.
func sign(v verdict.Verdict) string {
	switch v {
	case verdict.Pass:
		return "●"
	case verdict.PassAfterRetry:
		return "◐"
	case verdict.Fail:
		return "✕"
	case verdict.Unknown:
		return "?"
	default:
		return "▸"
	}
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

func ago(now, then time.Time) string { return brief(now.Sub(then)) + " ago" }

func age(seconds *float64) string {
	if seconds == nil {
		return "never"
	}
	return brief(time.Duration(*seconds*float64(time.Second))) + " ago"
}

func ms(value float64) string {
	if value >= 1000 {
		return fmt.Sprintf("%.1f s", value/1000)
	}
	return fmt.Sprintf("%.0f ms", value)
}

func took(seconds float64) string { return brief(time.Duration(seconds * float64(time.Second))) }

func delay(seconds *float64) string {
	if seconds == nil {
		return ""
	}
	return fmt.Sprintf("%.1f s", *seconds)
}

// bar is one run in a sparkline.
type bar struct {
	X, Y, Height float64
	Verdict      verdict.Verdict
	Title        string
}

// sparkline is drawn in a box of Width by Height units.
type sparkline struct {
	Width, Height, BarWidth float64
	Bars                    []bar
}

// spark draws the runs of a probe, newest at the right. Height is latency;
// what failed or is unknown takes the whole height, because it has no latency
// that could be compared.
func spark(probe ProbeSummary) sparkline {
	const step, height, least = 5, 44, 3
	slowest := slowestPass(probe.Runs)
	line := sparkline{Width: shownRuns * step, Height: height, BarWidth: step - 1}
	offset := float64(shownRuns-len(probe.Runs)) * step
	for index, run := range probe.Runs {
		tall := float64(height)
		if run.Verdict.Good() && slowest > 0 {
			tall = max(run.MS/slowest*(height-6), least)
		}
		line.Bars = append(line.Bars, bar{
			X: offset + float64(index)*step, Y: height - tall, Height: tall, Verdict: run.Verdict,
			Title: fmt.Sprintf("%s %s %s", clock(run.Time), word(run.Verdict), ms(run.MS)),
		})
	}
	return line
}

func slowestPass(runs []RunSummary) float64 {
	slowest := 0.0
	for _, run := range runs {
		if run.Verdict.Good() {
			slowest = max(slowest, run.MS)
		}
	}
	return slowest
}
