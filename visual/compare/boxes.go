package compare

import (
	"image"
	"slices"
)

// reach is how many tiles apart two changes may be and still share a box: the
// letters of a word and the words of a sentence are one change to a person.
const reach = 2

// maxBoxes bounds what is reported: past that, a list helps nobody.
const maxBoxes = 20

// boxes joins the changed parts of neighbouring tiles and returns them, the
// largest first. When there are too many, the last box holds all the rest.
func boxes(tiles []image.Rectangle, across int) []image.Rectangle {
	var found []image.Rectangle
	seen := make([]bool, len(tiles))
	for i, part := range tiles {
		if !part.Empty() && !seen[i] {
			found = append(found, flood(tiles, seen, across, i))
		}
	}
	slices.SortStableFunc(found, func(a, b image.Rectangle) int {
		return b.Dx()*b.Dy() - a.Dx()*a.Dy()
	})
	for len(found) > maxBoxes {
		last := len(found) - 1
		found[maxBoxes-1] = found[maxBoxes-1].Union(found[last])
		found = found[:last]
	}
	return found
}

// flood returns the box around all changes that are reachable from tile start.
func flood(tiles []image.Rectangle, seen []bool, across, start int) image.Rectangle {
	box := tiles[start]
	seen[start] = true
	down := len(tiles) / across
	for open := []int{start}; len(open) > 0; {
		i := open[len(open)-1]
		open = open[:len(open)-1]
		box = box.Union(tiles[i])
		x, y := i%across, i/across
		for ny := max(y-reach, 0); ny <= min(y+reach, down-1); ny++ {
			for nx := max(x-reach, 0); nx <= min(x+reach, across-1); nx++ {
				if n := ny*across + nx; !seen[n] && !tiles[n].Empty() {
					seen[n] = true
					open = append(open, n)
				}
			}
		}
	}
	return box
}
