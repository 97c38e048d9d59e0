package visual

import (
	"fmt"
	"strings"

	"tocsin/internal/verdict"
	"tocsin/visual/baseline"
	"tocsin/visual/capture"
	"tocsin/visual/compare"
	"tocsin/visual/decide"
)

// judge compares the picture with the baseline.
func (c *check) judge(shot *capture.Shot) {
	if differences := c.approved.Environment.Differences(c.result.Environment); len(differences) > 0 {
		c.conclude(verdict.Unknown, "baseline was approved in another environment (%s): approve the page here", strings.Join(differences, "; "))
		return
	}
	// Nearly all checks of a page that is watched end here.
	if baseline.Hash(shot.PNG) == c.approved.SHA256 {
		c.conclude(verdict.Pass, "is the approved picture to the byte, %s", c.approvedBy())
		return
	}
	before, now, err := compare.DecodePair(c.approved.PNG, shot.PNG, compare.MaxPixels)
	if err != nil {
		c.conclude(verdict.Unknown, "%v", err)
		return
	}
	decided, err := decide.Pictures(before, now, *c.config.Tolerance)
	if err != nil {
		c.conclude(verdict.Unknown, "%v", err)
		return
	}
	outcome := decided.Outcome
	c.report(outcome)
	if decided.Same {
		note := decided.Note
		if note != "" {
			note += "; "
		}
		c.conclude(verdict.Pass, "looks as approved (%s%d pixels within the tolerance), %s",
			note, outcome.Changed+outcome.Antialiased+outcome.Below, c.approvedBy())
		return
	}
	note := decided.Note + c.hints(shot)
	if memory := decide.Remember(c.config.Earlier, c.result.Fingerprint).String(); memory != "" {
		c.result.Memory = memory
		note += "; " + memory
	}
	c.conclude(verdict.Fail, "%s", note)
	if c.difference, err = compare.EncodePNG(outcome.Difference(now)); err != nil {
		c.conclude(verdict.Unknown, "%v (found: %s)", err, decided.Note)
	}
}

// report copies the figures of a comparison.
func (c *check) report(outcome *compare.Outcome) {
	c.result.Percent, c.result.ChangedPixels = outcome.Percent(), outcome.Changed
	c.result.SoftEdgePixels, c.result.FaintPixels = outcome.Antialiased, outcome.Below
	c.result.Fingerprint = outcome.Fingerprint()
	c.canvas = outcome.Size
	for _, box := range outcome.Boxes {
		c.result.Boxes = append(c.result.Boxes, Box{X: box.Min.X, Y: box.Min.Y, Width: box.Dx(), Height: box.Dy()})
	}
}

func (c *check) approvedBy() string {
	return fmt.Sprintf("by %s on %s", c.approved.ApprovedBy, c.approved.ApprovedAt.Format("2006-01-02"))
}

// hints name what may have caused a change.
func (c *check) hints(shot *capture.Shot) string {
	var text strings.Builder
	if c.result.URL != c.approved.URL {
		fmt.Fprintf(&text, "; the page is at %s, the baseline was at %s", c.result.URL, c.approved.URL)
	}
	for _, part := range shot.Broken {
		why := part.Error
		if part.Status != 0 {
			why = statusLine(part.Status)
		}
		fmt.Fprintf(&text, "; did not load: %s: %s", part.URL, why)
	}
	return text.String()
}
