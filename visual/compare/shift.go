package compare

import (
	"fmt"
	"image"
	"slices"
)

// MaxReach is how far a shift may be at most. Further, a shift is what a person
// sees as one.
const MaxReach = 2

// Shift is a place that moved.
type Shift struct {
	// Box of the changes that it explains.
	Box image.Rectangle
	// By is how far it moved, right and down.
	By image.Point
	// Pixels is how many changed pixels it explains.
	Pixels int
}

// String says it to people.
func (s Shift) String() string {
	text := fmt.Sprintf("%d×%d at %d,%d moved", s.Box.Dx(), s.Box.Dy(), s.Box.Min.X, s.Box.Min.Y)
	part := func(by int, forth, back string) {
		switch {
		case by > 0:
			text += fmt.Sprintf(" %d px %s", by, forth)
		case by < 0:
			text += fmt.Sprintf(" %d px %s", -by, back)
		}
	}
	part(s.By.X, "right", "left")
	part(s.By.Y, "down", "up")
	return text
}

// Absorb takes changes out of an outcome of Images that are explained by a shift
// of up to reach pixels, and notes each: all that is in and near the box of a
// change is in the baseline, too, moved as a whole. What appeared, vanished, was
// recoloured or written anew stays changed.
func Absorb(baseline, actual *image.NRGBA, outcome *Outcome, options Options, reach int) (*Outcome, error) {
	if reach < 1 || reach > MaxReach {
		return nil, fmt.Errorf("absorb shifts: %d pixels outside [1, %d]", reach, MaxReach)
	}
	c, err := newComparison(outcome.Baseline, outcome.Actual, options)
	if err != nil {
		return nil, fmt.Errorf("absorb shifts: %w", err)
	}
	left := *outcome
	left.changed, left.Shifts = outcome.changed.clone(), nil
	for _, box := range clusters(outcome.changed, outcome.Size) {
		by, found := c.moved(baseline, actual, box, reach)
		if !found {
			continue
		}
		pixels := left.changed.clearAll(box)
		left.Changed -= pixels
		left.Shifts = append(left.Shifts, Shift{Box: box, By: by, Pixels: pixels})
	}
	left.Boxes = boxes(left.changed, left.Size)
	return &left, nil
}

// moved finds the shortest shift of the baseline that looks like the actual
// picture in and around a box.
func (c *comparison) moved(baseline, actual *image.NRGBA, box image.Rectangle, reach int) (image.Point, bool) {
	area := box.Inset(-reach).Intersect(actual.Rect)
	if area.Empty() {
		return image.Point{}, false
	}
	for _, by := range shifts(reach) {
		if area.Sub(by).In(baseline.Rect) && c.alike(baseline, actual, area, by) {
			return by, true
		}
	}
	return image.Point{}, false
}

// shifts are all but none, the shortest first.
func shifts(reach int) (all []image.Point) {
	for y := -reach; y <= reach; y++ {
		for x := -reach; x <= reach; x++ {
			if x != 0 || y != 0 {
				all = append(all, image.Pt(x, y))
			}
		}
	}
	slices.SortStableFunc(all, func(a, b image.Point) int { return a.X*a.X + a.Y*a.Y - b.X*b.X - b.Y*b.Y })
	return all
}

func (c *comparison) alike(baseline, actual *image.NRGBA, area image.Rectangle, by image.Point) bool {
	for y := area.Min.Y; y < area.Max.Y; y++ {
		before := baseline.Pix[(y-by.Y)*baseline.Stride:]
		now := actual.Pix[y*actual.Stride:]
		for x := area.Min.X; x < area.Max.X; x++ {
			p, q := pixelOf(before, x-by.X), pixelOf(now, x)
			if p != q && (c.options.Exact || colorDelta(p, q, y*c.shared.X+x) > c.limit) {
				return false
			}
		}
	}
	return true
}
