package compare

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestFilesAreJudgedAsWholePicturesAre compares pictures that are longer than what
// is held of them, with changes on the borders of bands.
func TestFilesAreJudgedAsWholePicturesAre(t *testing.T) {
	long := func(shift float64, height int) *image.NRGBA { return page(200, height, shift) }
	edges := long(0, 700)
	for y := bandRows - 2; y < 700; y += bandRows {
		fill(edges, image.Rect(y%190, y, y%190+7, y+4), black)
	}
	pairs := map[string][2]*image.NRGBA{
		"shifted":            {long(0, 700), long(0.7, 700)},
		"edges of bands":     {long(0, 700), edges},
		"noise":              {speckle(90, 400, 1, false), speckle(90, 400, 2, false)},
		"translucent noise":  {speckle(90, 400, 3, true), speckle(90, 400, 4, true)},
		"taller":             {long(0, 300), long(0, 700)},
		"narrower":           {page(220, 500, 0), page(200, 500, 1)},
		"one row":            {speckle(50, 1, 7, true), speckle(50, 1, 8, true)},
		"equal, other bytes": {long(0, 500), long(0, 500)},
	}
	for name, pair := range pairs {
		for _, options := range []Options{{}, {Workers: 1}, {Workers: 5, CountAntialiased: true}, {Ignore: []image.Rectangle{image.Rect(0, 0, 60, 60)}}} {
			whole := compared(t, pair[0], pair[1], options)
			rows, err := Files(bytes.NewReader(encoded(t, pair[0])), bytes.NewReader(tight(t, pair[1])), options)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(whole, rows, cmp.AllowUnexported(Outcome{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s with %+v: %s", name, options, diff)
			}
		}
	}
}

// tight encodes a picture to other bytes than encoded does.
func tight(t *testing.T, picture image.Image) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := png.Encode(&file, picture); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestFilesThatCannotBeReadAreNamed(t *testing.T) {
	good, other := encoded(t, page(300, 600, 0)), encoded(t, page(300, 600, 1))
	cut, damaged := good[:len(good)-40], bytes.Clone(good)
	damaged[len(damaged)/2]++
	for name, c := range map[string]struct {
		baseline, actual []byte
		says             string
	}{
		"baseline cut off":       {cut, other, "baseline: picture cannot be read"},
		"actual cut off":         {other, cut, "actual picture: picture cannot be read"},
		"baseline damaged":       {damaged, other, "broken PNG file"},
		"the same damage":        {damaged, damaged, "both pictures: picture cannot be read"},
		"the same cut":           {cut, cut, "ends early"},
		"no pictures, but equal": {[]byte("text"), []byte("text"), "not a PNG file"},
		"empty":                  {nil, nil, "is empty"},
		"the same bomb":          {claiming(1<<30, 1<<30), claiming(1<<30, 1<<30), "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Files(bytes.NewReader(c.baseline), bytes.NewReader(c.actual), Options{})
			if !errors.Is(err, ErrUnreadable) || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("got %v, want one that says %q", err, c.says)
			}
		})
	}
	if _, err := Files(failing{bytes.NewReader(good)}, bytes.NewReader(other), Options{}); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("a disk that fails: %v", err)
	}
}

// failing is a file on a disk that fails.
type failing struct{ *bytes.Reader }

func (failing) Read([]byte) (int, error) { return 0, iotest.ErrTimeout }

func TestIgnoredRegionsAreCountedButDoNotDiffer(t *testing.T) {
	outcome := compared(t, page(320, 200, 0), changedPage(image.Rect(10, 50, 60, 60), image.Rect(100, 0, 105, 5)),
		Options{Ignore: []image.Rectangle{image.Rect(0, 40, 320, 80)}})
	if outcome.Changed != 25 || outcome.Ignored != 500 {
		t.Errorf("changed %d and ignored %d, want 25 and 500", outcome.Changed, outcome.Ignored)
	}
	taller := compared(t, blank(10, 10, white), blank(10, 20, white), Options{Ignore: []image.Rectangle{image.Rect(0, 10, 10, 20)}})
	if taller.Changed != 0 || taller.Ignored != 100 || taller.Same() {
		t.Errorf("changed %d, ignored %d, same %v: the size itself cannot be ignored", taller.Changed, taller.Ignored, taller.Same())
	}
}

func TestThresholdOfNothingCountsWhatEyesCannotSee(t *testing.T) {
	a, b := blank(4, 4, white), blank(4, 4, white)
	b.Pix[0]--
	for threshold, want := range map[float64]int{0: 0, NoThreshold: 1} {
		if got := compared(t, a, b, Options{Threshold: threshold}).Changed; got != want {
			t.Errorf("threshold %g: %d changed, want %d", threshold, got, want)
		}
	}
}

func BenchmarkFiles(b *testing.B) {
	baseline := encoded(b, page(1920, 1080, 0))
	for name, actual := range map[string][]byte{"equal": baseline, "shifted": encoded(b, page(1920, 1080, 1))} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Files(bytes.NewReader(baseline), bytes.NewReader(actual), Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
