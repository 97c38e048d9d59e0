package compare

import (
	"image"
	"math/bits"
	"slices"
)

// marks is a set of pixels: one bit each, in words that exist only for rows in
// which there is one. Different rows may be written to at the same time.
type marks [][]uint64

func (m marks) set(x, y, width int) {
	if m[y] == nil {
		m[y] = make([]uint64, (width+63)/64)
	}
	m[y][x/64] |= 1 << (x % 64)
}

func (m marks) has(x, y int) bool {
	return m[y] != nil && m[y][x/64]>>(x%64)&1 == 1
}

// each calls visit for every pixel, row by row from the left.
func (m marks) each(visit func(x, y int)) {
	for y, row := range m {
		for i, word := range row {
			for ; word != 0; word &= word - 1 {
				visit(64*i+bits.TrailingZeros64(word), y)
			}
		}
	}
}

// union is the set of the pixels of both.
func (m marks) union(other marks) marks {
	both := make(marks, len(m))
	for y, row := range m {
		both[y] = slices.Clone(row)
		if row == nil {
			both[y] = slices.Clone(other[y])
			continue
		}
		for i, word := range other[y] {
			both[y][i] |= word
		}
	}
	return both
}

// count is the number of pixels of a box that are in.
func (m marks) count(box image.Rectangle) (count int) {
	for y := box.Min.Y; y < box.Max.Y; y++ {
		if m[y] == nil {
			continue
		}
		for x := box.Min.X; x < box.Max.X; x++ {
			if m.has(x, y) {
				count++
			}
		}
	}
	return count
}
