package compare

import (
	"image"
	"image/color"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func compared(t *testing.T, baseline, actual *image.NRGBA, options Options) *Outcome {
	t.Helper()
	outcome, err := Images(baseline, actual, options)
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

func changedPage(changes ...image.Rectangle) *image.NRGBA {
	picture := page(320, 200, 0)
	for _, change := range changes {
		fill(picture, change, color.NRGBA{200, 0, 0, 255})
	}
	return picture
}

func TestChangesAreCountedAndBoxed(t *testing.T) {
	cases := map[string]struct {
		actual *image.NRGBA
		boxes  []image.Rectangle
	}{
		"equal pictures have no change":                     {changedPage(), nil},
		"one pixel in the last corner":                      {changedPage(image.Rect(319, 199, 320, 200)), []image.Rectangle{image.Rect(319, 199, 320, 200)}},
		"a rectangle across tiles and bands is one box":     {changedPage(image.Rect(1, 20, 7, 150)), []image.Rectangle{image.Rect(1, 20, 7, 150)}},
		"changes near each other share a box":               {changedPage(image.Rect(0, 0, 4, 4), image.Rect(14, 0, 18, 4)), []image.Rectangle{image.Rect(0, 0, 18, 4)}},
		"changes far from each other do not, largest first": {changedPage(image.Rect(0, 0, 4, 4), image.Rect(310, 190, 320, 200)), []image.Rectangle{image.Rect(310, 190, 320, 200), image.Rect(0, 0, 4, 4)}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			outcome := compared(t, page(320, 200, 0), c.actual, Options{})
			if diff := cmp.Diff(c.boxes, outcome.Boxes); diff != "" {
				t.Error(diff)
			}
			if outcome.Same() != (len(c.boxes) == 0) {
				t.Errorf("same = %v with %d changed pixels", outcome.Same(), outcome.Changed)
			}
		})
	}
}

func TestPercentIsTheShareOfTheCanvas(t *testing.T) {
	actual := blank(100, 50, white)
	fill(actual, image.Rect(10, 10, 20, 15), black)
	outcome := compared(t, blank(100, 50, white), actual, Options{})
	if outcome.Changed != 50 || outcome.Percent() != 1 {
		t.Errorf("changed %d, %g %%; want 50, 1 %%", outcome.Changed, outcome.Percent())
	}
}

func TestPicturesOfDifferentSizesAreNeverTheSame(t *testing.T) {
	for name, size := range map[string]image.Point{
		"taller": {100, 51}, "shorter": {100, 49}, "wider": {101, 50}, "wider and shorter": {110, 40},
	} {
		t.Run(name, func(t *testing.T) {
			outcome := compared(t, blank(100, 50, white), blank(size.X, size.Y, white), Options{})
			if outcome.Same() || !outcome.SizeDiffers() {
				t.Error("pictures of different sizes pass as the same")
			}
			canvas := image.Pt(max(100, size.X), max(50, size.Y))
			if want := canvas.X*canvas.Y - min(100, size.X)*min(50, size.Y); outcome.Size != canvas || outcome.Changed != want {
				t.Errorf("canvas %v with %d changed, want %v with %d", outcome.Size, outcome.Changed, canvas, want)
			}
			if got := outcome.Difference(blank(size.X, size.Y, white)).Rect.Size(); got != canvas {
				t.Errorf("difference picture is %v, want %v", got, canvas)
			}
		})
	}
}

func TestDifferencesThatAreNoChangeAreCountedApart(t *testing.T) {
	faint := compared(t, blank(10, 10, white), blank(10, 10, color.NRGBA{254, 255, 255, 255}), Options{})
	if faint.Changed != 0 || faint.Below != 100 {
		t.Errorf("faint recolouring: changed %d, below %d; want 0 and 100", faint.Changed, faint.Below)
	}
	shifted := compared(t, page(320, 200, 0), page(320, 200, 1), Options{})
	if shifted.Changed != 0 || shifted.Antialiased == 0 {
		t.Errorf("round shapes one pixel aside: changed %d, soft edges %d; want only soft edges", shifted.Changed, shifted.Antialiased)
	}
	exact := compared(t, page(320, 200, 0), page(320, 200, 1), Options{Exact: true})
	if want := shifted.Antialiased + shifted.Below; exact.Changed != want || exact.Percent() == 0 {
		t.Errorf("exact: changed %d, want %d", exact.Changed, want)
	}
}

func TestOneChangedColumnOfAStraightEdgeIsNoSoftEdge(t *testing.T) {
	baseline, actual := blank(60, 60, white), blank(60, 60, white)
	fill(baseline, image.Rect(20, 20, 40, 40), blue)
	fill(actual, image.Rect(21, 20, 41, 40), blue)
	if outcome := compared(t, baseline, actual, Options{}); outcome.Changed != 40 || outcome.Antialiased != 0 {
		t.Errorf("changed %d, soft %d; want 40 and 0", outcome.Changed, outcome.Antialiased)
	}
}

func TestManyChangesAreReportedAsFewBoxesThatHoldThemAll(t *testing.T) {
	baseline, actual := blank(1000, 1000, white), blank(1000, 1000, white)
	for y := 0; y < 1000; y += 100 {
		for x := 0; x < 1000; x += 100 {
			fill(actual, image.Rect(x, y, x+3, y+3), black)
		}
	}
	outcome := compared(t, baseline, actual, Options{})
	var all image.Rectangle
	for _, box := range outcome.Boxes {
		all = all.Union(box)
	}
	if len(outcome.Boxes) != maxBoxes || all != image.Rect(0, 0, 903, 903) {
		t.Errorf("%d boxes around %v", len(outcome.Boxes), all)
	}
}

func TestDifferenceShowsChangesInRedOverTheDimmedPage(t *testing.T) {
	change := image.Rect(100, 100, 110, 110)
	actual := changedPage(change)
	outcome := compared(t, page(320, 200, 0), actual, Options{})
	picture := outcome.Difference(actual)
	red := color.NRGBAModel.Convert(picture.At(105, 105)).(color.NRGBA)
	if red.R < 200 || red.G != 0 || red.B != 0 {
		t.Errorf("a changed pixel is drawn %v", red)
	}
	if paper := color.NRGBAModel.Convert(picture.At(0, 0)).(color.NRGBA); paper != white {
		t.Errorf("white is drawn %v", paper)
	}
	if ink := color.NRGBAModel.Convert(picture.At(20, 20)).(color.NRGBA); ink.R != ink.B || ink.R < 180 || ink.R == 255 {
		t.Errorf("an unchanged button is drawn %v, not in a light grey", ink)
	}
}

func TestImpossibleComparisonsAreErrors(t *testing.T) {
	good := blank(2, 2, white)
	for name, compare := range map[string]func() (*Outcome, error){
		"threshold above 1": func() (*Outcome, error) { return Images(good, good, Options{Threshold: 1.1}) },
		"empty picture":     func() (*Outcome, error) { return Images(good, &image.NRGBA{}, Options{}) },
		"shifted origin": func() (*Outcome, error) {
			return Images(good, good.SubImage(image.Rect(1, 1, 2, 2)).(*image.NRGBA), Options{})
		},
	} {
		if _, err := compare(); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
