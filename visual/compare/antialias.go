package compare

import (
	"encoding/binary"
	"image"
)

// plane is one picture, restricted to the area that both pictures have.
type plane struct {
	pix           []byte
	stride        int
	width, height int
}

func (p *plane) at(x, y int) uint32 {
	return binary.LittleEndian.Uint32(p.pix[y*p.stride+4*x:])
}

// around returns the 3×3 neighbourhood of (x,y), cut at the borders, and 1 if
// it was cut: the missing neighbours count as one equal sibling.
func (p *plane) around(x, y int) (x0, y0, x2, y2, cut int) {
	x0, y0, x2, y2 = max(x-1, 0), max(y-1, 0), min(x+1, p.width-1), min(y+1, p.height-1)
	if x0 == x || y0 == y || x2 == x || y2 == y {
		cut = 1
	}
	return x0, y0, x2, y2, cut
}

// antialiased reports whether the pixel (x,y) of p is the soft edge of a shape:
// it has both darker and brighter neighbours, and the darkest or the brightest
// of them belongs to a flat area in both pictures. Vyšniauskas, "Anti-aliased
// Pixel and Intensity Slope Detector", 2009.
func antialiased(p, other *plane, x, y int) bool {
	x0, y0, x2, y2, equal := p.around(x, y)
	center, position := p.at(x, y), y*p.width+x
	if equal += p.siblings(x0, y0, x2, y2, center); equal > 2 {
		return false
	}
	var darkest, brightest float64
	var dark, bright image.Point
	// Columns first: of several equal extremes the reference keeps the first in
	// this order, and the counts are to be the same.
	for nx := x0; nx <= x2; nx++ {
		for ny := y0; ny <= y2; ny++ {
			neighbour := p.at(nx, ny)
			if neighbour == center {
				continue
			}
			var delta float64
			if center&neighbour >= opaque {
				delta = lumaDelta(center, neighbour)
			} else {
				delta = blendedLumaDelta(center, neighbour, position)
			}
			switch {
			case delta < darkest:
				darkest, dark = delta, image.Pt(nx, ny)
			case delta > brightest:
				brightest, bright = delta, image.Pt(nx, ny)
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
		row := p.pix[y*p.stride+4*x0 : y*p.stride+4*x2+4]
		for ; len(row) >= 4; row = row[4:] {
			if binary.LittleEndian.Uint32(row) == center {
				count++
			}
		}
	}
	return count
}

// flat reports whether the pixel has three or more neighbours of its own colour.
func flat(p *plane, at image.Point) bool {
	x0, y0, x2, y2, equal := p.around(at.X, at.Y)
	return equal+p.siblings(x0, y0, x2, y2, p.at(at.X, at.Y)) > 2
}
