package compare

import (
	"image"
	"testing"
)

type oracleCase struct {
	baseline, actual *image.NRGBA
	aa, all          int
}

// oracle holds the counts of pixelmatch 7.2.0 for generated pictures: with its
// anti-aliasing detector, and without (includeAA). Threshold 0.1.
func oracle() map[string]oracleCase {
	return map[string]oracleCase{
		"speckle":             {speckle(97, 61, 1, false), speckle(97, 61, 2, false), 5753, 5753},
		"translucent speckle": {speckle(97, 61, 3, true), speckle(97, 61, 4, true), 4825, 4825},
		"one column":          {speckle(1, 50, 5, false), speckle(1, 50, 6, false), 49, 49},
		"one row":             {speckle(50, 1, 7, true), speckle(50, 1, 8, true), 42, 42},
		"tenth of a pixel":    {page(320, 200, 0), page(320, 200, 0.1), 0, 440},
		"half a pixel":        {page(320, 200, 0), page(320, 200, 0.5), 0, 2280},
		"one pixel":           {page(320, 200, 0), page(320, 200, 1), 0, 3080},
		"clear against white": {blank(40, 40, glass), blank(40, 40, white), 1600, 1600},
	}
}

func TestCountsEqualThoseOfPixelmatch(t *testing.T) {
	for name, c := range oracle() {
		t.Run(name, func(t *testing.T) {
			for _, workers := range []int{1, 3} {
				soft, err := Images(c.baseline, c.actual, Options{Workers: workers})
				if err != nil {
					t.Fatal(err)
				}
				all, err := Images(c.baseline, c.actual, Options{Workers: workers, CountAntialiased: true})
				if err != nil {
					t.Fatal(err)
				}
				if soft.Changed != c.aa || all.Changed != c.all {
					t.Errorf("%d workers: changed %d and %d, pixelmatch says %d and %d", workers, soft.Changed, all.Changed, c.aa, c.all)
				}
				if soft.Changed+soft.Antialiased != all.Changed {
					t.Errorf("%d changed and %d soft edges are not the %d beyond the threshold", soft.Changed, soft.Antialiased, all.Changed)
				}
			}
		})
	}
}
