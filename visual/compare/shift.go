package compare

import (
	"bytes"
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
	// Pixels is how many differing pixels it explains.
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

// Absorb compares two pictures, of which Images has told the outcome, once more:
// a place where all that is in and near a change is in the baseline, too, moved
// as a whole by up to reach pixels, is compared with that, and noted as a shift.
// What appeared, vanished, was recoloured or written anew stays changed. A page
// that has become longer or shorter by as little is the same if shifts explain it.
func Absorb(baseline, actual *image.NRGBA, outcome *Outcome, options Options, reach int) (*Outcome, error) {
	if reach < 1 || reach > MaxReach {
		return nil, fmt.Errorf("absorb shifts: %d pixels outside [1, %d]", reach, MaxReach)
	}
	grown := outcome.Actual.Sub(outcome.Baseline)
	if max(grown.X, -grown.X, grown.Y, -grown.Y) > reach {
		return outcome, nil
	}
	differing := outcome.changed.union(outcome.soft).union(outcome.faint)
	var shifts []Shift
	for _, box := range clusters(differing, outcome.Size) {
		by, found := moved(baseline, actual, box, reach)
		if found {
			shifts = append(shifts, Shift{Box: box, By: by, Pixels: differing.count(box)})
		} else if !box.In(actual.Rect) {
			return outcome, nil
		}
	}
	if len(shifts) == 0 {
		return outcome, nil
	}
	after, err := Images(shifted(baseline, actual, shifts, reach), actual, options)
	if err != nil {
		return nil, fmt.Errorf("absorb shifts: %w", err)
	}
	after.Baseline, after.Shifts, after.sizeExplained = outcome.Baseline, shifts, true
	return after, nil
}

// shifted is the baseline, in the size of the actual picture, with the shifts
// made. Where it has nothing, it has the opposite of the actual picture.
func shifted(baseline, actual *image.NRGBA, shifts []Shift, reach int) *image.NRGBA {
	made := image.NewNRGBA(actual.Rect)
	for i := 0; i+4 <= len(actual.Pix); i += 4 {
		for channel := range 3 {
			made.Pix[i+channel] = actual.Pix[i+channel] ^ 0x80
		}
		made.Pix[i+3] = 255
	}
	transfer(made, baseline, made.Rect.Intersect(baseline.Rect), image.Point{})
	for _, shift := range shifts {
		transfer(made, baseline, shift.Box.Inset(-reach).Intersect(made.Rect), shift.By)
	}
	return made
}

// transfer copies what makes up an area after a shift.
func transfer(to, from *image.NRGBA, area image.Rectangle, by image.Point) {
	for y := area.Min.Y; y < area.Max.Y; y++ {
		copy(to.Pix[to.PixOffset(area.Min.X, y):][:4*area.Dx()], from.Pix[from.PixOffset(area.Min.X-by.X, y-by.Y):])
	}
}

// moved finds the shortest shift of the baseline that looks like the actual
// picture in and around a box.
func moved(baseline, actual *image.NRGBA, box image.Rectangle, reach int) (image.Point, bool) {
	area := box.Inset(-reach).Intersect(actual.Rect)
	if area.Empty() {
		return image.Point{}, false
	}
	for _, by := range shifts(reach) {
		if area.Sub(by).In(baseline.Rect) && alike(baseline, actual, area, by) {
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

// alike holds an area against the baseline to the byte: what a renderer moves by
// whole pixels, it draws the same.
func alike(baseline, actual *image.NRGBA, area image.Rectangle, by image.Point) bool {
	for y := area.Min.Y; y < area.Max.Y; y++ {
		before := baseline.Pix[(y-by.Y)*baseline.Stride+4*(area.Min.X-by.X):][:4*area.Dx()]
		if !bytes.Equal(before, actual.Pix[y*actual.Stride+4*area.Min.X:][:4*area.Dx()]) {
			return false
		}
	}
	return true
}
