package compare

import (
	"bytes"
	"encoding/binary"
	"image"
	"math/bits"
)

// row judges the pixels of row y that both pictures have, two at a time while
// they are equal.
func (c *comparison) row(y int, found *counts) {
	a, b := c.a.row(y), c.b.row(y)
	if bytes.Equal(a, b) {
		return
	}
	for i := 0; i < len(a) && i < len(b); {
		if i+8 <= len(a) && i+8 <= len(b) {
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
	case c.ignores(x, y):
		found.ignored++
		return
	case c.options.Exact:
	case c.alike(p, q, y*c.shared.X+x):
		found.below++
		c.outcome.faint.set(x, y, c.outcome.Size.X)
		return
	case !c.options.CountAntialiased && (c.antialiased(&c.a, &c.b, x, y) || c.antialiased(&c.b, &c.a, x, y)):
		found.soft++
		c.outcome.soft.set(x, y, c.outcome.Size.X)
		return
	}
	found.changed++
	c.outcome.changed.set(x, y, c.outcome.Size.X)
}

// outside marks the pixels of row y from x on: at most one picture has them.
func (c *comparison) outside(x, y int, found *counts) {
	for ; x < c.outcome.Size.X; x++ {
		if c.ignores(x, y) {
			found.ignored++
			continue
		}
		found.changed++
		c.outcome.changed.set(x, y, c.outcome.Size.X)
	}
}

func (c *comparison) ignores(x, y int) bool {
	for _, region := range c.options.Ignore {
		if image.Pt(x, y).In(region) {
			return true
		}
	}
	return false
}
