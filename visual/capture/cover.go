package capture

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"

	"tocsin/visual/compare"
)

// outward is the smallest box of whole pixels around one: left, top, right and
// bottom.
func outward(box []float64) image.Rectangle {
	if len(box) != 4 {
		return image.Rectangle{}
	}
	return image.Rect(max(0, int(math.Floor(box[0]))), max(0, int(math.Floor(box[1]))), ceil(box[2]), ceil(box[3]))
}

// cover paints the masked boxes over the picture, in the colour that the field
// uses for it. Boxes are in CSS pixels of the page, and the picture begins at
// origin. A mask that matches nothing is an error: it would hide that the page
// has changed.
func cover(picture []byte, selectors []string, masks [][][4]float64, origin image.Point, scale float64) ([]byte, error) {
	if len(selectors) == 0 {
		return picture, nil
	}
	pixels, err := compare.DecodePNG(picture, compare.MaxPixels)
	if err != nil {
		return nil, fmt.Errorf("cover masks: %w", err)
	}
	magenta := image.NewUniform(color.NRGBA{255, 0, 255, 255})
	for i, selector := range selectors {
		if i >= len(masks) || len(masks[i]) == 0 {
			return nil, fmt.Errorf("cover masks: nothing on the page matches %q", selector)
		}
		for _, box := range masks[i] {
			scaled := make([]float64, len(box))
			for side, at := range box {
				offset := origin.X
				if side%2 == 1 {
					offset = origin.Y
				}
				scaled[side] = (at - float64(offset)) * scale
			}
			draw.Draw(pixels, outward(scaled), magenta, image.Point{}, draw.Src)
		}
	}
	return compare.EncodePNG(pixels)
}
