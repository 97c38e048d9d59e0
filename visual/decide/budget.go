package decide

import (
	"fmt"
	"image"
	"strings"

	"tocsin/visual/compare"
)

// Budget is what may differ from a baseline in a pass. There are two, since no
// single count tells a lost icon from a page that is a shade darker: structure is
// what a person sees as changed, colour what differs by less over an area.
type Budget struct {
	// Changed pixels, as a person sees them.
	Changed int
	// SoftEdges are pixels that differ as anti-aliasing does. The detector
	// takes a round shape that moved by a pixel for anti-aliasing, and between
	// pictures of one environment there should be none at all.
	SoftEdges int
	// FaintShare of all pixels may differ by less than a person sees, 0 to 1:
	// a large area in a slightly different colour is a change.
	FaintShare float64
	// Absorb is by how many pixels a part of the page may move, with a note; 0 to
	// compare.MaxReach.
	Absorb int
	// Ignore are regions that are not looked at.
	Ignore []image.Rectangle
}

// DefaultBudget lets nothing change that can be seen. The 20 soft pixels are the
// limit that Argos arrived at; a thousandth of the page is a 32-pixel icon.
func DefaultBudget() Budget {
	return Budget{Changed: 0, SoftEdges: 20, FaintShare: 0.001}
}

// Decision is what a comparison means.
type Decision struct {
	Same bool
	// Note says what differs too much, or, of pictures that are the same, what
	// was taken into account.
	Note    string
	Outcome *compare.Outcome
}

// Pictures decides whether two pictures are the same within the budget. When only
// differences that a person hardly sees are too many, the outcome counts all
// that differs, so that its figures and its picture show why.
func Pictures(before, now *image.NRGBA, budget Budget) (*Decision, error) {
	options := compare.Options{Ignore: budget.Ignore}
	outcome, err := compare.Images(before, now, options)
	if err != nil {
		return nil, err
	}
	if budget.Absorb > 0 {
		if outcome, err = compare.Absorb(before, now, outcome, options, budget.Absorb); err != nil {
			return nil, err
		}
	}
	decided := &Decision{Outcome: outcome}
	switch {
	case outcome.SizeDiffers() && !outcome.Same():
		decided.Note = fmt.Sprintf("page is %d×%d pixels, its baseline %d×%d; %s", outcome.Actual.X, outcome.Actual.Y,
			outcome.Baseline.X, outcome.Baseline.Y, Extent(outcome))
	case outcome.Changed > budget.Changed:
		decided.Note = Extent(outcome)
	case budget.hardlyDiffers(outcome):
		decided.Same, decided.Note = true, notes(outcome.Shifts)
	default:
		return subtle(before, now, outcome, options)
	}
	return decided, nil
}

// hardlyDiffers reports an outcome whose subtle differences are few.
func (b *Budget) hardlyDiffers(outcome *compare.Outcome) bool {
	faint := b.FaintShare * float64(outcome.Size.X*outcome.Size.Y)
	return outcome.Antialiased <= b.SoftEdges && float64(outcome.Below) <= faint
}

// subtle decides about too many differences that are hardly seen.
func subtle(before, now *image.NRGBA, outcome *compare.Outcome, options compare.Options) (*Decision, error) {
	options.Exact = true
	exact, err := compare.Images(before, now, options)
	if err != nil {
		return nil, err
	}
	note := fmt.Sprintf("%s; %d of them are soft edges and %d faint: something moved by about a pixel or has a slightly different colour",
		Extent(exact), outcome.Antialiased, outcome.Below)
	exact.Antialiased, exact.Below = outcome.Antialiased, outcome.Below
	return &Decision{Note: note, Outcome: exact}, nil
}

// maxNotes bounds how many shifts are told one by one.
const maxNotes = 3

func notes(shifts []compare.Shift) string {
	told := make([]string, 0, maxNotes)
	for _, shift := range shifts[:min(len(shifts), maxNotes)] {
		told = append(told, shift.String())
	}
	if more := len(shifts) - len(told); more > 0 {
		told = append(told, fmt.Sprintf("%d more places moved", more))
	}
	return strings.Join(told, "; ")
}

// Extent says how much changed and where.
func Extent(outcome *compare.Outcome) string {
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
