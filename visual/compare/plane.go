package compare

import "encoding/binary"

// plane is one picture, restricted to the area that both pictures have. It may
// hold only its latest rows: row y is then where row y-held was.
type plane struct {
	pix           []byte
	stride, held  int
	width, height int
}

// row returns the pixels of row y.
func (p *plane) row(y int) []byte {
	return p.pix[y%p.held*p.stride:][:4*p.width]
}

// pixelOf returns the packed pixel x of a row.
func pixelOf(row []byte, x int) uint32 { return binary.LittleEndian.Uint32(row[4*x:]) }

// around returns the 3×3 neighbourhood of (x,y), cut at the borders, and 1 if
// it was cut: the missing neighbours count as one equal sibling.
func (p *plane) around(x, y int) (x0, y0, x2, y2, cut int) {
	x0, y0, x2, y2 = max(x-1, 0), max(y-1, 0), min(x+1, p.width-1), min(y+1, p.height-1)
	if x0 == x || y0 == y || x2 == x || y2 == y {
		cut = 1
	}
	return x0, y0, x2, y2, cut
}
