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

// clear takes a pixel out, and reports whether it was in.
func (m marks) clear(x, y int) bool {
	if !m.has(x, y) {
		return false
	}
	m[y][x/64] &^= 1 << (x % 64)
	return true
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

func (m marks) clone() marks {
	copied := make(marks, len(m))
	for y, row := range m {
		copied[y] = slices.Clone(row)
	}
	return copied
}

// clearAll takes the pixels of a box out, and returns how many were in.
func (m marks) clearAll(box image.Rectangle) (count int) {
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			if m.clear(x, y) {
				count++
			}
		}
	}
	return count
}
