package compare

import (
	"image"
	"image/color"
	"strings"
	"testing"
)

// form is a page with a heading, a field and a button, all of it below top.
func form(height, top int) *image.NRGBA {
	picture := blank(300, height, white)
	for i := range 12 {
		fill(picture, image.Rect(20+i*11, top+20, 20+i*11+3+i%5, top+36), black)
	}
	fill(picture, image.Rect(20, top+60, 280, top+61), black)
	fill(picture, image.Rect(20, top+90, 100, top+120), blue)
	disc(picture, 200, float64(top)+110, 12, black)
	return picture
}

func TestShiftsAreAbsorbedAndChangesAreNot(t *testing.T) {
	recoloured, thinner, caret := form(200, 0), form(200, 0), form(200, 0)
	fill(recoloured, image.Rect(20, 90, 100, 120), color.NRGBA{200, 60, 20, 255})
	fill(thinner, image.Rect(20, 60, 280, 61), white)
	fill(caret, image.Rect(25, 70, 26, 85), black)
	movedButton := blank(300, 200, white)
	fill(movedButton, image.Rect(102, 91, 182, 121), blue)
	button := blank(300, 200, white)
	fill(button, image.Rect(100, 90, 180, 120), blue)
	cases := map[string]struct {
		baseline, actual *image.NRGBA
		left             bool
		note             string
	}{
		"a page one pixel lower":       {form(200, 0), form(200, 1), false, "moved 1 px down"},
		"a page two pixels higher":     {form(200, 5), form(200, 3), false, "moved 2 px up"},
		"a page one pixel longer":      {form(200, 0), form(201, 1), false, "moved 1 px down"},
		"a button aside and down":      {button, movedButton, false, "82×31 at 100,90 moved 2 px right 1 px down"},
		"a page three pixels lower":    {form(200, 0), form(200, 3), true, ""},
		"another colour":               {form(200, 0), recoloured, true, ""},
		"a line that is gone":          {form(200, 0), thinner, true, ""},
		"a caret":                      {form(200, 0), caret, true, ""},
		"a page that lacks everything": {form(200, 0), blank(300, 200, white), true, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			before := compared(t, c.baseline, c.actual, Options{})
			after, err := Absorb(c.baseline, c.actual, before, Options{}, MaxReach)
			if err != nil {
				t.Fatal(err)
			}
			if (after.Changed > 0) != c.left || before.Changed == 0 {
				t.Errorf("of %d changed pixels, %d are left in %v", before.Changed, after.Changed, after.Boxes)
			}
			notes := make([]string, 0, len(after.Shifts))
			for _, shift := range after.Shifts {
				notes = append(notes, shift.String())
			}
			if after.Same() == c.left || !strings.Contains(strings.Join(notes, "; "), c.note) {
				t.Errorf("same %v: %v", after.Same(), notes)
			}
		})
	}
	if _, err := Absorb(button, button, compared(t, button, button, Options{}), Options{}, 3); err == nil {
		t.Error("a reach of 3 is accepted")
	}
}

func TestDensityTellsAnIconFromSpeckle(t *testing.T) {
	icon, dust := blank(200, 200, white), blank(200, 200, white)
	fill(icon, image.Rect(50, 70, 60, 80), black)
	for i := range 100 {
		dust.SetNRGBA(i%10*20, i/10*20, black)
	}
	for name, c := range map[string]struct {
		actual *image.NRGBA
		side   int
		count  int
		at     image.Rectangle
	}{
		"icon":                      {icon, 16, 100, image.Rect(44, 64, 60, 80)},
		"speckle":                   {dust, 16, 1, image.Rect(0, 0, 16, 16)},
		"a window beyond the page":  {dust, 999, 100, image.Rect(0, 0, 200, 200)},
		"no window":                 {icon, 0, 1, image.Rect(50, 70, 51, 71)},
		"nothing":                   {blank(200, 200, white), 16, 0, image.Rectangle{}},
		"a window smaller than it":  {icon, 5, 25, image.Rect(50, 70, 55, 75)},
		"a change in the first row": {changedCorner(), 8, 4, image.Rect(0, 0, 8, 8)},
	} {
		t.Run(name, func(t *testing.T) {
			count, at := compared(t, blank(200, 200, white), c.actual, Options{}).Densest(c.side)
			if count != c.count || at != c.at {
				t.Errorf("%d in %v, want %d in %v", count, at, c.count, c.at)
			}
		})
	}
}

func changedCorner() *image.NRGBA {
	picture := blank(200, 200, white)
	fill(picture, image.Rect(0, 0, 2, 2), black)
	return picture
}

func TestFingerprintNamesADifferenceByItsPlace(t *testing.T) {
	base := blank(200, 200, white)
	named := func(changes ...image.Rectangle) string {
		actual := blank(200, 200, white)
		for _, change := range changes {
			fill(actual, change, black)
		}
		return compared(t, base, actual, Options{}).Fingerprint()
	}
	first := named(image.Rect(20, 20, 30, 30))
	if len(first) != 16 || named(image.Rect(20, 20, 31, 29)) != first {
		t.Errorf("%q, and %q where a few pixels flicker", first, named(image.Rect(20, 20, 31, 29)))
	}
	if named(image.Rect(40, 20, 50, 30)) == first || named(image.Rect(20, 20, 30, 30), image.Rect(0, 0, 1, 1)) == first {
		t.Error("a difference elsewhere has the same fingerprint")
	}
	if named() != "" {
		t.Error("no difference has a fingerprint")
	}
}
