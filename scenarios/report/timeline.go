package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"tocsin/alerts/pager"
	"tocsin/scenarios"
	"tocsin/scenarios/load"
)

// Geometry of the picture, in SVG units.
const (
	chartWidth  = 1080.0
	left        = 62.0
	right       = 16.0
	labelRow    = 20.0
	latencyHigh = 220.0
	smallHigh   = 84.0
	between     = 34.0
	axisHigh    = 26.0
	// glyph is the width of a letter of the marks' labels, for keeping them apart.
	glyph = 6.7
)

// Timeline is the picture of a run: latency, errors and delivered rate over one
// time axis, with what was done and seen marked across all three.
type Timeline struct {
	Width, Height float64
	Bands         []Band
	Marks         []Mark
	Panels        []Panel
	Ticks         []Tick
	AxisY         float64
}

// Band is a stretch of time.
type Band struct {
	Class            string
	X, Y, Wide, High float64
	Title            string
}

// Mark is a moment, with its label in a row of its own above the panels.
type Mark struct {
	Class        string
	X, Y, Bottom float64
	LabelX       float64
	LabelY       float64
	Anchor       string
	Label        string
}

// Tick is a line of a scale.
type Tick struct {
	X, Y  float64
	Label string
}

// Panel is one chart.
type Panel struct {
	Title             string
	Top, Bottom       float64
	Left, Right       float64
	Scale             []Tick
	Area              string
	Lines             []Line
	Bars              []Bar
	Legend            []Line
	TitleX, TitleY    float64
	LegendX, LegendDX float64
}

// Line is a curve, or its sample in a legend.
type Line struct {
	Class, Points, Label string
	X, Y                 float64
}

// Bar is one second of a bar chart.
type Bar struct {
	Class            string
	X, Y, Wide, High float64
	Title            string
}

// axis maps time to the horizontal.
type axis struct {
	start   time.Time
	seconds float64
}

func (a axis) x(at time.Time) float64 {
	share := at.Sub(a.start).Seconds() / a.seconds
	return left + min(max(share, 0), 1)*(chartWidth-left-right)
}

// NewTimeline draws outcome; nil when there is nothing to draw.
func NewTimeline(outcome scenarios.Outcome) *Timeline {
	if len(outcome.Series) < 2 {
		return nil
	}
	first, last := outcome.Series[0].At, outcome.Series[len(outcome.Series)-1].At.Add(time.Second)
	moments := momentsOf(outcome)
	for _, moment := range moments {
		if moment.at.After(last) && moment.at.Sub(last) < 5*time.Minute {
			last = moment.at.Add(2 * time.Second)
		}
	}
	a := axis{start: first, seconds: last.Sub(first).Seconds()}
	marks, rows := placeMarks(moments, a)
	top := 10 + float64(rows)*labelRow + 22
	t := &Timeline{Width: chartWidth}
	latency := latencyPanel(outcome.Series, a, top)
	problems := errorPanel(outcome.Series, a, latency.Bottom+between)
	delivered := ratePanel(outcome, a, problems.Bottom+between)
	t.Panels = []Panel{latency, problems, delivered}
	t.AxisY = delivered.Bottom
	t.Height = t.AxisY + axisHigh
	for i := range marks {
		marks[i].Bottom = t.AxisY
	}
	t.Marks = marks
	t.Bands = bandsOf(outcome, a, latency.Top, t.AxisY)
	t.Ticks = timeTicks(a, t.AxisY)
	return t
}

type moment struct {
	at    time.Time
	class string
	label string
}

func momentsOf(outcome scenarios.Outcome) []moment {
	var moments []moment
	for _, fault := range outcome.Faults {
		moments = append(moments, moment{fault.Asked, "fault", strings.TrimSpace(fault.Kind + " " + place(fault))})
		add := func(at *time.Time, class, label string) {
			if at != nil {
				moments = append(moments, moment{*at, class, fmt.Sprintf("%s +%.1f s", label, at.Sub(fault.Asked).Seconds())})
			}
		}
		add(fault.SeenByProbe, "seen", "seen by probes")
		add(firstPage(outcome.Alerts, fault.Asked), "alert", "pager rang")
		add(fault.RevertAsked, "reverted", "revert")
		add(fault.Recovered, "recovered", "recovered")
	}
	return moments
}

func place(fault scenarios.Fault) string {
	switch {
	case fault.Component == "":
		return "zone " + fault.Zone
	case fault.Zone == "":
		return fault.Component
	}
	return fault.Component + " in zone " + fault.Zone
}

// firstPage is the first firing alert after the fault that is meant for people.
func firstPage(alerts []pager.Receipt, asked time.Time) *time.Time {
	var first *time.Time
	for _, alert := range alerts {
		if !alert.Firing() || alert.ReceivedAt.Before(asked) || alert.StartsAt.Before(asked.Add(-2*time.Second)) {
			continue
		}
		if first == nil || alert.ReceivedAt.Before(*first) {
			first = &alert.ReceivedAt
		}
	}
	return first
}

// placeMarks gives every label the lowest row in which it meets no other.
func placeMarks(moments []moment, a axis) (marks []Mark, rows int) {
	var ends []float64
	for _, moment := range moments {
		x := a.x(moment.at)
		wide := glyph*float64(len(moment.label)) + 14
		mark := Mark{Class: moment.class, X: x, LabelX: x + 6, Anchor: "start", Label: moment.label}
		from, to := x, x+wide
		if to > chartWidth {
			mark.Anchor, mark.LabelX = "end", x-6
			from, to = x-wide, x
		}
		row := 0
		for row < len(ends) && ends[row] > from {
			row++
		}
		if row == len(ends) {
			ends = append(ends, 0)
		}
		ends[row] = to
		mark.Y = 6 + float64(row)*labelRow
		mark.LabelY = mark.Y + 12
		marks = append(marks, mark)
	}
	return marks, len(ends)
}

func bandsOf(outcome scenarios.Outcome, a axis, top, bottom float64) []Band {
	var bands []Band
	for _, fault := range outcome.Faults {
		ended := outcome.Ended
		if fault.Reverted != nil {
			ended = *fault.Reverted
		}
		x := a.x(fault.Asked)
		bands = append(bands, Band{Class: "fault", X: x, Y: top, Wide: a.x(ended) - x, High: bottom - top, Title: "fault in force"})
		if fault.Reverted != nil && fault.Recovered != nil && fault.Recovered.After(*fault.Reverted) {
			x := a.x(*fault.Reverted)
			bands = append(bands, Band{Class: "recovering", X: x, Y: top, Wide: a.x(*fault.Recovered) - x, High: bottom - top, Title: "recovering"})
		}
	}
	return bands
}

func timeTicks(a axis, y float64) []Tick {
	step := niceStep(a.seconds / 10)
	var ticks []Tick
	for at := 0.0; at <= a.seconds; at += step {
		x := a.x(a.start.Add(time.Duration(at * float64(time.Second))))
		ticks = append(ticks, Tick{X: x, Y: y + 17, Label: fmt.Sprintf("%.0f s", at)})
	}
	return ticks
}

// niceStep rounds up to 1, 2 or 5 times a power of ten.
func niceStep(rough float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(max(rough, 1))))
	for _, factor := range []float64{1, 2, 5, 10} {
		if factor*power >= rough {
			return factor * power
		}
	}
	return 10 * power
}

func middle(second load.Second) time.Time { return second.At.Add(500 * time.Millisecond) }
