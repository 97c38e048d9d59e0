package compare

import (
	"fmt"
	"image"
	"testing"
)

type oracleCase struct {
	baseline, actual *image.NRGBA
	yiq, oklab       [2]int
}

// oracle holds the counts of pixelmatch 7.2.0 and 8.0.0 for generated pictures:
// with their anti-aliasing detector, and without (includeAA). Threshold 0.1.
func oracle() map[string]oracleCase {
	return map[string]oracleCase{
		"speckle":             {speckle(97, 61, 1, false), speckle(97, 61, 2, false), [2]int{5753, 5753}, [2]int{5753, 5753}},
		"translucent speckle": {speckle(97, 61, 3, true), speckle(97, 61, 4, true), [2]int{4825, 4825}, [2]int{5028, 5028}},
		"one column":          {speckle(1, 50, 5, false), speckle(1, 50, 6, false), [2]int{49, 49}, [2]int{48, 48}},
		"one row":             {speckle(50, 1, 7, true), speckle(50, 1, 8, true), [2]int{42, 42}, [2]int{45, 45}},
		"tenth of a pixel":    {page(320, 200, 0), page(320, 200, 0.1), [2]int{0, 440}, [2]int{0, 400}},
		"half a pixel":        {page(320, 200, 0), page(320, 200, 0.5), [2]int{0, 2280}, [2]int{0, 2320}},
		"one pixel":           {page(320, 200, 0), page(320, 200, 1), [2]int{0, 3080}, [2]int{0, 3080}},
		"clear against white": {blank(40, 40, glass), blank(40, 40, white), [2]int{1600, 1600}, [2]int{1600, 1600}},
	}
}

func TestCountsEqualThoseOfPixelmatch(t *testing.T) {
	for name, c := range oracle() {
		for metric, want := range map[Metric][2]int{YIQ: c.yiq, OKLab: c.oklab} {
			for _, workers := range []int{1, 3} {
				t.Run(fmt.Sprintf("%s %s %d workers", name, metric, workers), func(t *testing.T) {
					soft, err := Images(c.baseline, c.actual, Options{Metric: metric, Workers: workers})
					if err != nil {
						t.Fatal(err)
					}
					all, err := Images(c.baseline, c.actual, Options{Metric: metric, Workers: workers, CountAntialiased: true})
					if err != nil {
						t.Fatal(err)
					}
					if got := [2]int{soft.Changed, all.Changed}; got != want {
						t.Errorf("changed %v, pixelmatch says %v", got, want)
					}
					if soft.Changed+soft.Antialiased != all.Changed {
						t.Errorf("%d changed and %d soft edges are not the %d beyond the threshold", soft.Changed, soft.Antialiased, all.Changed)
					}
				})
			}
		}
	}
}
