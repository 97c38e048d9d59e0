package report

import (
	"fmt"
	"math"
	"strings"

	"tocsin/scenarios"
	"tocsin/scenarios/load"
)

// latencyFloor is the lowest latency that is told apart, in milliseconds.
const latencyFloor = 10.0

func newPanel(title string, top, high float64) Panel {
	return Panel{
		Title: title, Top: top, Bottom: top + high, Left: left, Right: chartWidth - right,
		TitleX: left, TitleY: top - 8,
	}
}

// latencyPanel has a logarithmic scale: a login takes a tenth of a second in
// health and ten seconds in a failover, and both must be readable.
func latencyPanel(series []load.Second, a axis, top float64) Panel {
	panel := newPanel("login latency, by second of the first click (log scale)", top, latencyHigh)
	highest := 1000.0
	for _, second := range series {
		highest = max(highest, second.MaxMS)
	}
	decades := math.Log10(highest*1.15) - math.Log10(latencyFloor)
	y := func(ms float64) float64 {
		return panel.Bottom - (math.Log10(max(ms, latencyFloor))-math.Log10(latencyFloor))/decades*latencyHigh
	}
	for _, ms := range []float64{10, 30, 100, 300, 1000, 3000, 10000, 30000} {
		if ms <= highest*1.15 {
			panel.Scale = append(panel.Scale, Tick{X: left - 8, Y: y(ms), Label: span(ms)})
		}
	}
	var slowest, p95, median []string
	for _, second := range series {
		if second.Started == 0 {
			continue
		}
		x := a.x(middle(second))
		slowest = append(slowest, point(x, y(second.MaxMS)))
		p95 = append(p95, point(x, y(second.P95MS)))
		median = append(median, point(x, y(second.P50MS)))
	}
	panel.Area = area(slowest, panel.Bottom)
	panel.Lines = []Line{
		{Class: "slowest", Points: strings.Join(slowest, " ")},
		{Class: "p95", Points: strings.Join(p95, " ")},
		{Class: "median", Points: strings.Join(median, " ")},
	}
	panel.Legend = legend(panel, []Line{{Class: "slowest", Label: "slowest"}, {Class: "p95", Label: "p95"}, {Class: "median", Label: "p50"}})
	return panel
}

// errorPanel stacks failed logins and lies on the problems of single attempts,
// which were retried.
func errorPanel(series []load.Second, a axis, top float64) Panel {
	panel := newPanel("errors per second", top, smallHigh)
	highest := 5.0
	for _, second := range series {
		highest = max(highest, float64(second.Problems+second.Failed))
	}
	panel.Scale = linearScale(panel, highest)
	wide := max((a.x(a.start.Add(1e9))-left)-1.5, 1)
	for _, second := range series {
		x, base := a.x(second.At), panel.Bottom
		title := fmt.Sprintf("%s: %d attempts retried, %d lies, %d logins failed", second.At.Format("15:04:05"), second.Problems-second.Lies, second.Lies, second.Failed)
		for _, part := range []struct {
			class string
			count int
		}{{"attempt", second.Problems - second.Lies}, {"lie", second.Lies}, {"failed", second.Failed}} {
			if part.count == 0 {
				continue
			}
			// One lie must be seen beside a hundred retried attempts.
			high := max(float64(part.count)/highest*smallHigh, 3)
			base -= high
			panel.Bars = append(panel.Bars, Bar{Class: part.class, X: x, Y: base, Wide: wide, High: high, Title: title})
		}
	}
	panel.Legend = legend(panel, []Line{{Class: "attempt", Label: "attempt, retried"}, {Class: "lie", Label: "lie"}, {Class: "failed", Label: "login failed"}})
	return panel
}

func ratePanel(outcome scenarios.Outcome, a axis, top float64) Panel {
	panel := newPanel("logins started per second", top, smallHigh)
	highest := 1.0
	if outcome.Load != nil {
		highest = outcome.Load.AskedRate * 1.3
	}
	for _, second := range outcome.Series {
		highest = max(highest, float64(second.Started))
	}
	panel.Scale = linearScale(panel, highest)
	y := func(rate float64) float64 { return panel.Bottom - rate/highest*smallHigh }
	points := make([]string, 0, len(outcome.Series))
	for _, second := range outcome.Series {
		points = append(points, point(a.x(middle(second)), y(float64(second.Started))))
	}
	if outcome.Load != nil {
		asked := y(outcome.Load.AskedRate)
		panel.Lines = append(panel.Lines, Line{Class: "asked", Points: point(left, asked) + " " + point(panel.Right, asked)})
	}
	panel.Lines = append(panel.Lines, Line{Class: "rate", Points: strings.Join(points, " ")})
	panel.Area = area(points, panel.Bottom)
	panel.Legend = legend(panel, []Line{{Class: "rate", Label: "delivered"}, {Class: "asked", Label: "asked"}})
	return panel
}

func linearScale(panel Panel, highest float64) []Tick {
	var ticks []Tick
	step := niceStep(highest / 3)
	for value := 0.0; value <= highest; value += step {
		y := panel.Bottom - value/highest*(panel.Bottom-panel.Top)
		ticks = append(ticks, Tick{X: left - 8, Y: y, Label: fmt.Sprintf("%.0f", value)})
	}
	return ticks
}

// legend lays samples out from right to left.
func legend(panel Panel, lines []Line) []Line {
	x := panel.Right
	for i := len(lines) - 1; i >= 0; i-- {
		x -= glyph * float64(len(lines[i].Label))
		lines[i].X, lines[i].Y = x, panel.TitleY
		x -= 36
	}
	return lines
}

func point(x, y float64) string { return fmt.Sprintf("%.1f,%.1f", x, y) }

// area closes a curve down to the bottom.
func area(points []string, bottom float64) string {
	if len(points) < 2 {
		return ""
	}
	firstX, _, _ := strings.Cut(points[0], ",")
	lastX, _, _ := strings.Cut(points[len(points)-1], ",")
	return fmt.Sprintf("%s,%.1f %s %s,%.1f", firstX, bottom, strings.Join(points, " "), lastX, bottom)
}
