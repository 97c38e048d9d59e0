package compare

import "image"

// antialiased reports whether the pixel (x,y) of p is the soft edge of a shape:
// it has both darker and brighter neighbours, and the darkest or the brightest
// of them belongs to a flat area in both pictures. Vyšniauskas, "Anti-aliased
// Pixel and Intensity Slope Detector", 2009.
func (c *comparison) antialiased(p, other *plane, x, y int) bool {
	x0, y0, x2, y2, equal := p.around(x, y)
	center, position := pixelOf(p.row(y), x), y*p.width+x
	if equal += p.siblings(x0, y0, x2, y2, center); equal > 2 {
		return false
	}
	var rows [3][]byte
	for i := range y2 - y0 + 1 {
		rows[i] = p.row(y0 + i)
	}
	var darkest, brightest float64
	var dark, bright image.Point
	// Columns first: of several equal extremes the reference keeps the first in
	// this order, and the counts are to be the same.
	for nx := x0; nx <= x2; nx++ {
		for i := range y2 - y0 + 1 {
			neighbour := pixelOf(rows[i], nx)
			if neighbour == center {
				continue
			}
			switch delta := c.lumaDelta(center, neighbour, position); {
			case delta < darkest:
				darkest, dark = delta, image.Pt(nx, y0+i)
			case delta > brightest:
				brightest, bright = delta, image.Pt(nx, y0+i)
			case delta == 0:
				if equal++; equal > 2 {
					return false
				}
			}
		}
	}
	if darkest == 0 || brightest == 0 {
		return false
	}
	return flat(p, dark) && flat(other, dark) || flat(p, bright) && flat(other, bright)
}

// siblings counts the pixels from (x0,y0) to (x2,y2), both included, that have
// the colour of the one in their middle, which itself is not counted.
func (p *plane) siblings(x0, y0, x2, y2 int, center uint32) int {
	count := -1
	for y := y0; y <= y2; y++ {
		row := p.row(y)
		for x := x0; x <= x2; x++ {
			if pixelOf(row, x) == center {
				count++
			}
		}
	}
	return count
}

// flat reports whether the pixel has three or more neighbours of its own colour.
func flat(p *plane, at image.Point) bool {
	x0, y0, x2, y2, equal := p.around(at.X, at.Y)
	return equal+p.siblings(x0, y0, x2, y2, pixelOf(p.row(at.Y), at.X)) > 2
}
