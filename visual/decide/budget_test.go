package decide

import (
	"image"
	"image/color"
	"image/draw"
	"strings"
	"testing"
)

func picture(width, height int, paint func(*image.NRGBA)) *image.NRGBA {
	made := image.NewNRGBA(image.Rect(0, 0, width, height))
	draw.Draw(made, made.Rect, image.White, image.Point{}, draw.Src)
	if paint != nil {
		paint(made)
	}
	return made
}

func bar(shade uint8, area image.Rectangle) func(*image.NRGBA) {
	return func(p *image.NRGBA) { draw.Draw(p, area, image.NewUniform(color.Gray{shade}), image.Point{}, draw.Src) }
}

// slope draws a diagonal edge, which anti-aliasing would draw, at an offset.
func slope(offset int) func(*image.NRGBA) {
	return func(p *image.NRGBA) {
		for y := range p.Rect.Dy() {
			bar(0, image.Rect(0, y, y/4, y+1))(p)
			p.Set(y/4, y, color.Gray{uint8(250 - (y%4)*60 - offset)})
		}
	}
}

func TestAssessmentOfDifferences(t *testing.T) {
	plain := picture(200, 100, nil)
	cases := map[string]struct {
		before, now *image.NRGBA
		note        string
	}{
		"equal": {plain, picture(200, 100, nil), ""},
		"one black pixel": {picture(2000, 100, nil), picture(2000, 100, bar(0, image.Rect(5, 5, 6, 6))),
			"0.0005 % of the page changed (1 pixel), around x 5–6, y 5–6"},
		"a tenth of the page":                {plain, picture(200, 100, bar(0, image.Rect(0, 0, 20, 100))), "10 % of the page changed (2000 pixels), around x 0–20, y 0–100"},
		"a taller page of equal content":     {plain, picture(200, 110, nil), "page is 200×110 pixels, its baseline 200×100; 9.091 %"},
		"a faint change of few pixels":       {plain, picture(200, 100, bar(254, image.Rect(0, 0, 20, 1))), ""},
		"a faint change of a large area":     {plain, picture(200, 100, bar(253, image.Rect(0, 0, 200, 50))), "10000 faint"},
		"a soft edge that moved all the way": {picture(200, 400, slope(0)), picture(200, 400, slope(60)), "soft edges"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			decided, err := Pictures(c.before, c.now, DefaultBudget())
			if err != nil {
				t.Fatal(err)
			}
			note := decided.Note
			if decided.Same != (c.note == "") || (note == "") != (c.note == "") || !strings.Contains(note, c.note) {
				t.Errorf("note %q, want %q", note, c.note)
			}
			if note != "" && decided.Outcome.Percent() == 0 {
				t.Error("a fail has no percentage")
			}
		})
	}
}
