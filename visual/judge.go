package visual

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"tocsin/internal/verdict"
	"tocsin/visual/accessibility"
	"tocsin/visual/baseline"
	"tocsin/visual/checks"
	"tocsin/visual/compare"
	"tocsin/visual/decide"
	"tocsin/visual/explain"
	"tocsin/visual/page"
)

// compare looks for the baseline, and holds the picture against it.
func (c *check) compare(ctx context.Context) {
	approved, err := c.looker.config.Baselines.Load(ctx, c.result.Target, c.result.Check)
	switch {
	case errors.Is(err, baseline.ErrNone):
		c.result.end(verdict.NoBaseline, "no approved baseline of %s of target %s: look at the picture, then: tocsin visual approve %s --from %s",
			c.result.Check, c.result.Target, c.result.Check, c.result.RunID)
	case errors.Is(err, baseline.ErrDamaged):
		c.result.end(verdict.NoBaseline, "%v", err)
	case err != nil:
		c.result.end(verdict.OwnConfig, "%v", err)
	default:
		c.approved = approved
		c.result.ApprovedBy, c.result.ApprovedAt, c.result.BaselineSHA256 = approved.ApprovedBy, approved.ApprovedAt, approved.SHA256
		c.judge(ctx)
	}
}

// judge compares the picture with the baseline.
func (c *check) judge(ctx context.Context) {
	if differences := c.approved.Environment.Differences(c.result.Environment); len(differences) > 0 {
		c.result.end(verdict.Environment, "the baseline was approved in another environment (%s): approve the page here", strings.Join(differences, "; "))
		return
	}
	c.result.Compared = true
	// Nearly all checks of a page that is watched end here.
	if c.result.ActualSHA256 == c.approved.SHA256 {
		c.result.end(verdict.OK, "is the approved picture to the byte, %s", c.approvedBy())
	} else {
		c.judgePictures(ctx)
	}
	c.judgeAccessibility()
}

// judgePictures compares pictures whose files differ.
func (c *check) judgePictures(ctx context.Context) {
	before, now, err := compare.DecodePair(c.approved.PNG, c.seen.PNG, compare.MaxPixels)
	if err != nil {
		c.result.end(verdict.Internal, "%v", err)
		return
	}
	decided, err := decide.Pictures(before, now, c.Shot.Budget)
	if err != nil {
		c.result.end(verdict.Internal, "%v", err)
		return
	}
	outcome := decided.Outcome
	c.report(outcome)
	if decided.Same {
		note := decided.Note
		if note != "" {
			note += "; "
		}
		c.result.end(verdict.OK, "looks as approved (%s%d pixels within the tolerance), %s",
			note, outcome.Changed+outcome.Antialiased+outcome.Below, c.approvedBy())
		return
	}
	c.result.end(verdict.Appearance, "%s", decided.Note+c.words()+c.hints()+c.memory(ctx))
	if c.difference, err = compare.EncodePNG(outcome.Difference(now)); err != nil {
		c.result.end(verdict.Internal, "%v (found: %s)", err, decided.Note)
	}
}

// judgeAccessibility fails a page that looks as approved and has a barrier that it
// did not have then. Beside another fault, the barriers are told.
func (c *check) judgeAccessibility() {
	if c.Shot.Accessibility == checks.AccessibilityOff || c.result.Verdict == verdict.Unknown {
		return
	}
	found, err := c.newBarriers()
	if err != nil {
		if c.result.Verdict.Good() {
			c.result.end(verdict.Environment, "%v", err)
		}
		return
	}
	var text strings.Builder
	for index, one := range found {
		c.result.Barriers = append(c.result.Barriers, one.String())
		if index < inDetail {
			text.WriteString("; new barrier: " + one.String())
		}
	}
	if more := len(found) - inDetail; more > 0 {
		fmt.Fprintf(&text, "; %d more new barriers", more)
	}
	switch {
	case len(found) == 0:
	case c.result.Verdict.Good():
		c.result.end(verdict.Accessibility, "%s", strings.TrimPrefix(text.String(), "; "))
	default:
		c.result.Detail += text.String()
	}
}

// newBarriers are the findings about accessibility that the approved page did not
// have.
func (c *check) newBarriers() ([]accessibility.Finding, error) {
	var before *accessibility.Report
	if c.approved.Accessibility != nil {
		var err error
		if before, err = accessibility.Decode(bytes.NewReader(c.approved.Accessibility)); err != nil {
			return nil, fmt.Errorf("accessibility of the approved page: %w", err)
		}
	}
	return accessibility.New(before, c.seen.Accessibility, accessibility.Impact(c.Shot.Accessibility))
}

// report copies the figures of a comparison.
func (c *check) report(outcome *compare.Outcome) {
	r := c.result
	r.Percent, r.ChangedPixels, r.SoftEdgePixels, r.FaintPixels = outcome.Percent(), outcome.Changed, outcome.Antialiased, outcome.Below
	r.Fingerprint, r.Width, r.Height = outcome.Fingerprint(), outcome.Size.X, outcome.Size.Y
	for _, box := range outcome.Boxes {
		r.Boxes = append(r.Boxes, Box{X: box.Min.X, Y: box.Min.Y, Width: box.Dx(), Height: box.Dy()})
	}
}

func (c *check) approvedBy() string {
	return fmt.Sprintf("by %s on %s", c.approved.ApprovedBy, c.approved.ApprovedAt.Format("2006-01-02"))
}

// inDetail is how many changes are told where there is one line for all.
const inDetail = 3

// words tell what changed on the page. Without a page beside the baseline, only
// errors that it shows now can be told.
func (c *check) words() string {
	before, err := page.Decode(bytes.NewReader(c.approved.Page))
	switch {
	case c.seen.Page == nil:
		return ""
	case c.approved.Page == nil:
		c.result.Changes = explain.Errors(c.seen.Page)
	case err != nil:
		return fmt.Sprintf("; what changed cannot be told: the page beside the baseline: %v", err)
	default:
		told := explain.Pages(before, c.seen.Page)
		c.result.Changes, c.result.OmittedChanges = told.Changes, told.Omitted
	}
	var text strings.Builder
	for _, change := range c.result.Changes[:min(len(c.result.Changes), inDetail)] {
		text.WriteString("; " + change.Sentence)
	}
	if more := len(c.result.Changes) + c.result.OmittedChanges - inDetail; more > 0 {
		fmt.Fprintf(&text, "; %d more changes", more)
	}
	return text.String()
}

// hints name what may have caused a change.
func (c *check) hints() string {
	var text strings.Builder
	if c.result.URL != c.approved.URL {
		fmt.Fprintf(&text, "; the page is at %s, the baseline was at %s", c.result.URL, c.approved.URL)
	}
	for _, part := range c.seen.Broken {
		why := part.Error
		if part.Status != 0 {
			why = statusLine(part.Status)
		}
		fmt.Fprintf(&text, "; did not load: %s: %s", part.URL, why)
	}
	return text.String()
}

// memory is what earlier checks saw of the difference. It is only told: a check
// goes on without it.
func (c *check) memory(ctx context.Context) string {
	if c.Earlier == nil {
		return ""
	}
	earlier, err := c.Earlier(ctx)
	if err != nil {
		return fmt.Sprintf("; whether it was seen before is not known: %v", err)
	}
	c.result.Memory = decide.Remember(earlier, c.result.Fingerprint).String()
	if c.result.Memory == "" {
		return ""
	}
	return "; " + c.result.Memory
}
