package compare

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
)

// Options tune a comparison. The zero value is what baselines are judged with.
type Options struct {
	// Threshold is the perceived distance from which two colours differ, 0 to
	// 1; 0 stands for DefaultThreshold. Exact overrides it.
	Threshold float64
	// Exact counts every pixel whose bytes differ, soft edges included.
	Exact bool
	// CountAntialiased counts soft edges as changed, too.
	CountAntialiased bool
	// Workers is the number of goroutines; 0 stands for GOMAXPROCS.
	Workers int
}

// DefaultThreshold is pixelmatch's default.
const DefaultThreshold = 0.1

// Outcome is what a comparison found.
type Outcome struct {
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
	// Boxes hold all changed pixels, the largest first.
	Boxes []image.Rectangle

	classes []class // one per pixel of the canvas; nil when nothing differs
}

// Percent is the share of changed pixels of the canvas, 0 to 100.
func (o *Outcome) Percent() float64 {
	if area := o.Size.X * o.Size.Y; area > 0 {
		return 100 * float64(o.Changed) / float64(area)
	}
	return 0
}

// SizeDiffers reports pictures of different sizes; they are never the same.
func (o *Outcome) SizeDiffers() bool { return o.Baseline != o.Actual }

// class is the judgement about one pixel.
type class uint8

const (
	unchanged class = iota
	softEdge
	changed
)

// tile is the grain of finding boxes, and bandRows, a multiple of it, what one
// worker takes at a time: no two workers ever write to the same tile.
const (
	tile     = 8
	bandRows = 4 * tile
)

// Images compares two pictures with their origin at (0,0).
func Images(baseline, actual *image.NRGBA, options Options) (*Outcome, error) {
	if options.Threshold < 0 || options.Threshold > 1 {
		return nil, fmt.Errorf("compare pictures: threshold %g outside [0, 1]", options.Threshold)
	}
	if options.Threshold == 0 {
		options.Threshold = DefaultThreshold
	}
	a, b := baseline.Rect, actual.Rect
	if a.Min != (image.Point{}) || b.Min != (image.Point{}) || a.Empty() || b.Empty() {
		return nil, fmt.Errorf("compare pictures: bounds %v and %v are empty or do not start at (0,0)", a, b)
	}
	outcome := &Outcome{Size: a.Union(b).Size(), Baseline: a.Size(), Actual: b.Size()}
	shared := a.Intersect(b).Size()
	c := &comparison{
		options: options,
		limit:   maxDelta * options.Threshold * options.Threshold,
		a:       plane{baseline.Pix, baseline.Stride, shared.X, shared.Y},
		b:       plane{actual.Pix, actual.Stride, shared.X, shared.Y},
		outcome: outcome,
	}
	first := 0
	if a.Dx() == b.Dx() {
		first = c.firstDifferentRow()
	}
	if first < outcome.Size.Y {
		c.run(first)
	}
	return outcome, nil
}

// comparison is one run of Images.
type comparison struct {
	options Options
	limit   float64
	a, b    plane
	outcome *Outcome
	tiles   []image.Rectangle
	across  int
}

// firstDifferentRow returns the first row whose bytes differ, or the height
// that the pictures share.
// Most comparisons of a page that is watched end here.
func (c *comparison) firstDifferentRow() int {
	width := 4 * c.a.width
	for y := range c.a.height {
		i, j := y*c.a.stride, y*c.b.stride
		if !bytes.Equal(c.a.pix[i:i+width], c.b.pix[j:j+width]) {
			return y
		}
	}
	return c.a.height
}

// run judges all pixels from row first on, a band of rows at a time.
func (c *comparison) run(first int) {
	size := c.outcome.Size
	c.outcome.classes = make([]class, size.X*size.Y)
	c.across = (size.X + tile - 1) / tile
	c.tiles = make([]image.Rectangle, c.across*((size.Y+tile-1)/tile))

	workers := c.options.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	bands := (size.Y + bandRows - 1) / bandRows
	counts := make([]counts, min(workers, bands))
	var next atomic.Int64
	next.Store(int64(first / bandRows))
	var group sync.WaitGroup
	for w := range counts {
		group.Go(func() {
			for band := int(next.Add(1)) - 1; band < bands; band = int(next.Add(1)) - 1 {
				counts[w].add(c.band(band*bandRows, min((band+1)*bandRows, size.Y)))
			}
		})
	}
	group.Wait()
	for _, found := range counts {
		c.outcome.Changed += found.changed
		c.outcome.Antialiased += found.soft
		c.outcome.Below += found.below
	}
	c.outcome.Boxes = boxes(c.tiles, c.across)
}

type counts struct{ changed, soft, below int }

func (c *counts) add(other counts) {
	c.changed += other.changed
	c.soft += other.soft
	c.below += other.below
}

// band judges the rows from top to bottom, bottom excluded.
func (c *comparison) band(top, bottom int) counts {
	var found counts
	for y := top; y < bottom; y++ {
		if y >= c.a.height {
			found.changed += c.markOutside(0, y)
			continue
		}
		c.row(y, &found)
		found.changed += c.markOutside(c.a.width, y)
	}
	return found
}

// row judges the pixels of row y that both pictures have, two at a time while
// they are equal.
func (c *comparison) row(y int, found *counts) {
	width := 4 * c.a.width
	a := c.a.pix[y*c.a.stride:][:width]
	b := c.b.pix[y*c.b.stride:][:width]
	if bytes.Equal(a, b) {
		return
	}
	for i := 0; i < width; {
		if i+8 <= width {
			differ := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:])
			if differ == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(differ) / 32 * 4
		}
		p, q := binary.LittleEndian.Uint32(a[i:]), binary.LittleEndian.Uint32(b[i:])
		if p != q {
			c.pixel(i/4, y, p, q, found)
		}
		i += 4
	}
}

// pixel judges one pixel whose bytes differ.
func (c *comparison) pixel(x, y int, p, q uint32, found *counts) {
	switch {
	case c.options.Exact:
	case colorDelta(p, q, y*c.a.width+x) <= c.limit:
		found.below++
		return
	case !c.options.CountAntialiased && (antialiased(&c.a, &c.b, x, y) || antialiased(&c.b, &c.a, x, y)):
		found.soft++
		c.outcome.classes[y*c.outcome.Size.X+x] = softEdge
		return
	}
	found.changed++
	c.mark(x, y)
}

// markOutside marks the pixels of row y from x on: at most one picture has them.
func (c *comparison) markOutside(x, y int) int {
	marked := c.outcome.Size.X - x
	for ; x < c.outcome.Size.X; x++ {
		c.mark(x, y)
	}
	return marked
}

func (c *comparison) mark(x, y int) {
	c.outcome.classes[y*c.outcome.Size.X+x] = changed
	box := &c.tiles[y/tile*c.across+x/tile]
	if box.Empty() {
		*box = image.Rect(x, y, x+1, y+1)
		return
	}
	box.Min.X, box.Max.X = min(box.Min.X, x), max(box.Max.X, x+1)
	box.Max.Y = max(box.Max.Y, y+1)
}
