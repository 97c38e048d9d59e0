package compare

import "image"

// Densest returns the most changed pixels in any square window of the given side
// that lies within the canvas, and where that is. A count of the whole picture
// says as much about its size as about the change: speckle all over a page and an
// icon that is gone may have the same count, but not the same density. A side
// longer than the canvas is cut to it. It is what pixelmatch calls windowSize.
func (o *Outcome) Densest(side int) (count int, at image.Rectangle) {
	side = max(1, min(side, o.Size.X, o.Size.Y))
	first, last := o.changed.extent()
	if first < 0 {
		return 0, image.Rectangle{}
	}
	columns := make([]int, o.Size.X)
	add := func(y, by int) {
		if y >= 0 && y < o.Size.Y && o.changed[y] != nil {
			for x := range columns {
				if o.changed.has(x, y) {
					columns[x] += by
				}
			}
		}
	}
	// The window whose last row is y starts side-1 rows above it.
	for y := first; y < min(last+side, o.Size.Y); y++ {
		add(y, 1)
		add(y-side, -1)
		if y < side-1 {
			continue
		}
		if most, x := widest(columns, side); most > count {
			count, at = most, image.Rect(x, y-side+1, x+side, y+1)
		}
	}
	return count, at
}

// widest returns the largest sum of side neighbouring columns, and the first of them.
func widest(columns []int, side int) (most, at int) {
	sum := 0
	for x, n := range columns {
		sum += n
		if x >= side {
			sum -= columns[x-side]
		}
		if x >= side-1 && sum > most {
			most, at = sum, x-side+1
		}
	}
	return most, at
}

// extent returns the first and last rows with a pixel, or -1 for none.
func (m marks) extent() (first, last int) {
	first, last = -1, -1
	for y, row := range m {
		if row == nil {
			continue
		}
		if first < 0 {
			first = y
		}
		last = y
	}
	return first, last
}
