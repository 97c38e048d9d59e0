package compare

import (
	"image"
	"slices"
)

// tile is the grain of finding boxes.
const tile = 8

// reach is how many tiles apart two changes may be and still share a box: the
// letters of a word and the words of a sentence are one change to a person.
const reach = 2

// maxBoxes bounds what is reported: past that, a list helps nobody.
const maxBoxes = 20

// boxes joins changes near each other and returns them, the largest first. When
// there are too many, the last box holds all the rest.
func boxes(changed marks, size image.Point) []image.Rectangle {
	found := clusters(changed, size)
	for len(found) > maxBoxes {
		last := len(found) - 1
		found[maxBoxes-1] = found[maxBoxes-1].Union(found[last])
		found = found[:last]
	}
	return found
}

// clusters are all the boxes, the largest first.
func clusters(changed marks, size image.Point) []image.Rectangle {
	grid := tiles{across: (size.X + tile - 1) / tile, down: (size.Y + tile - 1) / tile}
	grid.parts = make([][]image.Rectangle, grid.down)
	changed.each(grid.add)
	var found []image.Rectangle
	for y, row := range grid.parts {
		for x := range row {
			if !row[x].Empty() {
				found = append(found, grid.flood(x, y))
			}
		}
	}
	slices.SortStableFunc(found, func(a, b image.Rectangle) int {
		return b.Dx()*b.Dy() - a.Dx()*a.Dy()
	})
	return found
}

// tiles holds the box of the changes in each tile, in rows that exist only where
// there are any.
type tiles struct {
	across, down int
	parts        [][]image.Rectangle
}

func (t *tiles) add(x, y int) {
	row := t.parts[y/tile]
	if row == nil {
		row = make([]image.Rectangle, t.across)
		t.parts[y/tile] = row
	}
	pixel := image.Rect(x, y, x+1, y+1)
	row[x/tile] = row[x/tile].Union(pixel)
}

// flood takes all changes that are reachable from a tile out of the grid, and
// returns the box around them.
func (t *tiles) flood(x, y int) image.Rectangle {
	box := t.take(x, y)
	for open := []image.Point{{X: x, Y: y}}; len(open) > 0; {
		at := open[len(open)-1]
		open = open[:len(open)-1]
		for ny := max(at.Y-reach, 0); ny <= min(at.Y+reach, t.down-1); ny++ {
			for nx := max(at.X-reach, 0); nx <= min(at.X+reach, t.across-1); nx++ {
				if part := t.take(nx, ny); !part.Empty() {
					box = box.Union(part)
					open = append(open, image.Pt(nx, ny))
				}
			}
		}
	}
	return box
}

func (t *tiles) take(x, y int) image.Rectangle {
	if t.parts[y] == nil {
		return image.Rectangle{}
	}
	part := t.parts[y][x]
	t.parts[y][x] = image.Rectangle{}
	return part
}
