package compare

import (
	"fmt"
	"image"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
)

// Options tune a comparison. The zero value is what baselines are judged with.
type Options struct {
	// Metric is how colours are compared; empty stands for YIQ.
	Metric Metric
	// Threshold is the perceived distance from which two colours differ, 0 to
	// 1; 0 stands for DefaultThreshold, and NoThreshold for none. Exact overrides it.
	Threshold float64
	// Exact counts every pixel whose bytes differ, soft edges included.
	Exact bool
	// CountAntialiased counts soft edges as changed, too.
	CountAntialiased bool
	// Ignore are regions whose pixels are not judged. Pixels around them are judged
	// with what stands in them, as by the ignoreMask of pixelmatch.
	Ignore []image.Rectangle
	// Workers is the number of goroutines; 0 stands for GOMAXPROCS.
	Workers int
}

const (
	// DefaultThreshold is pixelmatch's default.
	DefaultThreshold = 0.1
	// NoThreshold lets every difference of two colours count.
	NoThreshold = math.SmallestNonzeroFloat64
)

// Outcome is what a comparison found.
type Outcome struct {
	// Metric is how colours were compared.
	Metric Metric
	// Size is the canvas that holds both pictures.
	Size image.Point
	// Baseline and Actual are the sizes of the two pictures.
	Baseline, Actual image.Point
	// Changed counts the pixels that a person would see as changed, and every
	// pixel of the canvas that is not in both pictures.
	Changed int
	// Antialiased counts pixels beyond the threshold that are soft edges.
	Antialiased int
	// Below counts pixels that differ, but by less than the threshold.
	Below int
	// Ignored counts pixels that differ in regions that are not judged.
	Ignored int
	// Boxes hold all changed pixels, the largest first.
	Boxes []image.Rectangle
	// Shifts are the places that Absorb took for moved instead of changed.
	Shifts []Shift

	changed, soft, faint marks
	// sizeExplained says that shifts explain another size, which is within reach.
	sizeExplained bool
}

// Ratio is the share of changed pixels of the canvas, 0 to 1.
func (o *Outcome) Ratio() float64 {
	if area := o.Size.X * o.Size.Y; area > 0 {
		return float64(o.Changed) / float64(area)
	}
	return 0
}

// Percent is the share of changed pixels of the canvas, 0 to 100.
func (o *Outcome) Percent() float64 { return 100 * o.Ratio() }

// SizeDiffers reports pictures of different sizes; they are never the same.
func (o *Outcome) SizeDiffers() bool { return o.Baseline != o.Actual }

// Same reports pictures without a changed pixel, of one size unless Absorb has
// found why they are not.
func (o *Outcome) Same() bool {
	return o.Changed == 0 && (!o.SizeDiffers() || o.sizeExplained)
}

// bandRows is how many rows one worker takes at a time.
const bandRows = 16

// Images compares two pictures with their origin at (0,0).
func Images(baseline, actual *image.NRGBA, options Options) (*Outcome, error) {
	a, b := baseline.Rect, actual.Rect
	if a.Min != (image.Point{}) || b.Min != (image.Point{}) || a.Empty() || b.Empty() {
		return nil, fmt.Errorf("compare pictures: bounds %v and %v are empty or do not start at (0,0)", a, b)
	}
	c, err := newComparison(a.Size(), b.Size(), options)
	if err != nil {
		return nil, err
	}
	c.a = plane{pix: baseline.Pix, stride: baseline.Stride, held: a.Dy(), width: c.shared.X, height: c.shared.Y}
	c.b = plane{pix: actual.Pix, stride: actual.Stride, held: b.Dy(), width: c.shared.X, height: c.shared.Y}
	bands := (c.outcome.Size.Y + bandRows - 1) / bandRows
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(c.workers(), bands) {
		group.Go(func() {
			for band := int(next.Add(1)) - 1; band < bands; band = int(next.Add(1)) - 1 {
				c.band(band)
			}
		})
	}
	group.Wait()
	return c.finish(), nil
}

// comparison is one run of Images or Files.
type comparison struct {
	options Options
	limit   float64
	shared  image.Point // the size that both pictures have
	a, b    plane
	outcome *Outcome

	mu    sync.Mutex
	total counts
}

func newComparison(baseline, actual image.Point, options Options) (*comparison, error) {
	if options.Threshold < 0 || options.Threshold > 1 || math.IsNaN(options.Threshold) {
		return nil, fmt.Errorf("compare pictures: threshold %g outside [0, 1]", options.Threshold)
	}
	if options.Threshold == 0 {
		options.Threshold = DefaultThreshold
	}
	switch options.Metric {
	case "":
		options.Metric = YIQ
	case YIQ, OKLab:
	default:
		return nil, fmt.Errorf("compare pictures: unknown metric %q", options.Metric)
	}
	canvas := image.Pt(max(baseline.X, actual.X), max(baseline.Y, actual.Y))
	return &comparison{
		options: options,
		limit:   maxDelta * options.Threshold * options.Threshold,
		shared:  image.Pt(min(baseline.X, actual.X), min(baseline.Y, actual.Y)),
		outcome: &Outcome{
			Metric: options.Metric, Size: canvas, Baseline: baseline, Actual: actual,
			changed: make(marks, canvas.Y), soft: make(marks, canvas.Y), faint: make(marks, canvas.Y),
		},
	}, nil
}

func (c *comparison) workers() int {
	if c.options.Workers > 0 {
		return c.options.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// band judges bandRows rows of the canvas.
func (c *comparison) band(number int) {
	var found counts
	for y := number * bandRows; y < min((number+1)*bandRows, c.outcome.Size.Y); y++ {
		if y >= c.shared.Y {
			c.outside(0, y, &found)
			continue
		}
		c.row(y, &found)
		c.outside(c.shared.X, y, &found)
	}
	if found != (counts{}) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.total.add(found)
	}
}

// finish is the outcome of what was found.
func (c *comparison) finish() *Outcome {
	o := c.outcome
	o.Changed, o.Antialiased, o.Below, o.Ignored = c.total.changed, c.total.soft, c.total.below, c.total.ignored
	o.Boxes = boxes(o.changed, o.Size)
	return o
}

type counts struct{ changed, soft, below, ignored int }

func (c *counts) add(other counts) {
	c.changed += other.changed
	c.soft += other.soft
	c.below += other.below
	c.ignored += other.ignored
}
