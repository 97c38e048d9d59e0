package visual

import (
	"fmt"
	"image"
	"strings"

	"tocsin/internal/verdict"
	"tocsin/visual/baseline"
	"tocsin/visual/capture"
	"tocsin/visual/compare"
)

// Tolerance is what may differ from a baseline in a pass.
type Tolerance struct {
	// Changed pixels, as a person sees them.
	Changed int
	// SoftEdges are pixels that differ as anti-aliasing does. The detector
	// takes a shape that moved by a pixel for anti-aliasing, and between
	// pictures of one environment there should be none at all.
	SoftEdges int
	// FaintShare of all pixels may differ by less than a person sees, 0 to 1:
	// a large area in a slightly different colour is a change.
	FaintShare float64
}

// DefaultTolerance lets nothing change that can be seen. The 20 soft pixels are
// the limit that Argos arrived at; a thousandth of the page is a 32-pixel icon.
func DefaultTolerance() Tolerance {
	return Tolerance{Changed: 0, SoftEdges: 20, FaintShare: 0.001}
}

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
	outcome, note, err := assess(before, now, *c.config.Tolerance)
	if err != nil {
		c.conclude(verdict.Unknown, "%v", err)
		return
	}
	c.report(outcome)
	if note == "" {
		c.conclude(verdict.Pass, "looks as approved (%d pixels within the tolerance), %s",
			outcome.Changed+outcome.Antialiased+outcome.Below, c.approvedBy())
		return
	}
	c.conclude(verdict.Fail, "%s", note+c.hints(shot))
	if c.difference, err = compare.EncodePNG(outcome.Difference(now)); err != nil {
		c.conclude(verdict.Unknown, "%v (found: %s)", err, note)
	}
}

// assess compares two pictures and says what is wrong, or nothing. When only
// differences that a person hardly sees are too many, the outcome counts all
// that differs, so that its figures and its picture show why.
func assess(before, now *image.NRGBA, tolerance Tolerance) (*compare.Outcome, string, error) {
	outcome, err := compare.Images(before, now, compare.Options{})
	if err != nil {
		return nil, "", err
	}
	if outcome.SizeDiffers() {
		return outcome, fmt.Sprintf("page is %d×%d pixels, its baseline %d×%d; %s", outcome.Actual.X, outcome.Actual.Y,
			outcome.Baseline.X, outcome.Baseline.Y, extent(outcome)), nil
	}
	if outcome.Changed > tolerance.Changed {
		return outcome, extent(outcome), nil
	}
	faint := tolerance.FaintShare * float64(outcome.Size.X*outcome.Size.Y)
	if outcome.Antialiased <= tolerance.SoftEdges && float64(outcome.Below) <= faint {
		return outcome, "", nil
	}
	exact, err := compare.Images(before, now, compare.Options{Exact: true})
	if err != nil {
		return nil, "", err
	}
	note := fmt.Sprintf("%s; %d of them are soft edges and %d faint: something moved by about a pixel or has a slightly different colour",
		extent(exact), outcome.Antialiased, outcome.Below)
	exact.Antialiased, exact.Below = outcome.Antialiased, outcome.Below
	return exact, note, nil
}

// extent says how much changed and where.
func extent(outcome *compare.Outcome) string {
	pixels := "pixels"
	if outcome.Changed == 1 {
		pixels = "pixel"
	}
	text := fmt.Sprintf("%.4g %% of the page changed (%d %s)", outcome.Percent(), outcome.Changed, pixels)
	if len(outcome.Boxes) == 0 {
		return text
	}
	box := outcome.Boxes[0]
	text += fmt.Sprintf(", around x %d–%d, y %d–%d", box.Min.X, box.Max.X, box.Min.Y, box.Max.Y)
	if more := len(outcome.Boxes) - 1; more > 0 {
		text += fmt.Sprintf(" and in %d more places", more)
	}
	return text
}

// report copies the figures of a comparison.
func (c *check) report(outcome *compare.Outcome) {
	c.result.Percent, c.result.ChangedPixels = outcome.Percent(), outcome.Changed
	c.result.SoftEdgePixels, c.result.FaintPixels = outcome.Antialiased, outcome.Below
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
