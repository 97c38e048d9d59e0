package console

import (
	"fmt"
	"math"
	"strings"
	"time"

	"tocsin/internal/verdict"
)

func moment(t time.Time) string { return t.UTC().Format(time.DateTime) }

// outages are the votes by which an outage is open.
func outages(votes []VoteSummary) []VoteSummary {
	var open []VoteSummary
	for _, vote := range votes {
		if vote.Outage != nil {
			open = append(open, vote)
		}
	}
	return open
}

func list(names []string) string {
	if len(names) == 0 {
		return "–"
	}
	return strings.Join(names, ", ")
}

// percent never rounds up to 100: that would be a promise nobody measured.
func percent(share float64) string {
	switch {
	case share <= 0:
		return "0 %"
	case share >= 1:
		return "100 %"
	default:
		return fmt.Sprintf("%.3f %%", math.Floor(share*1e5)/1e3)
	}
}

func share(known *float64) string {
	if known == nil {
		return "no data"
	}
	return percent(*known)
}

func span(seconds float64) string {
	if seconds == 0 {
		return "–"
	}
	return brief(time.Duration(seconds * float64(time.Second)))
}

func optional(value *float64) string {
	if value == nil {
		return "–"
	}
	return ms(*value)
}

// calendar is the days of a month, drawn.
type calendar struct {
	sparkline
	About string
}

// days draws a month: a bar a day, and a line below it where work was announced.
// A day with any failure is not a good day; how bad it was says its title.
func days(m PastMonth) calendar {
	const step, height, line = 7, 22, 3
	c := calendar{sparkline: sparkline{Width: 31 * step, Height: height, BarWidth: step - 1}}
	var good, bad, unknown int
	for index, day := range m.Days {
		v := verdict.Pass
		switch {
		case day.Bad > 0:
			v = verdict.Fail
			bad++
		case day.Uptime == nil:
			v = verdict.Unknown
			unknown++
		default:
			good++
		}
		title := fmt.Sprintf("%s: %s", day.Date, share(day.Uptime))
		if day.Maintenance > 0 {
			title += fmt.Sprintf(", %d runs in maintenance", day.Maintenance)
			c.Bars = append(c.Bars, bar{X: float64(index) * step, Y: height - line, Height: line, Verdict: "maintenance", Title: title})
		}
		c.Bars = append(c.Bars, bar{X: float64(index) * step, Y: 1, Height: height - line - 3, Verdict: v, Title: title})
	}
	c.About = fmt.Sprintf("%d days without failure, %d with, %d without data", good, bad, unknown)
	return c
}
