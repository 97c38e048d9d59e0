package compare

import (
	"image"
	"image/color"
	"math"
)

// Pictures are generated, not stored: what they show can be read here.

func blank(width, height int, c color.NRGBA) *image.NRGBA {
	picture := image.NewNRGBA(image.Rect(0, 0, width, height))
	fill(picture, picture.Rect, c)
	return picture
}

func fill(picture *image.NRGBA, area image.Rectangle, c color.NRGBA) {
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			picture.SetNRGBA(x, y, c)
		}
	}
}

// disc draws a filled circle with soft edges, 8×8 samples a pixel, whose centre
// may lie between pixels.
func disc(picture *image.NRGBA, cx, cy, radius float64, ink color.NRGBA) {
	for y := int(cy - radius - 1); y <= int(cy+radius+1); y++ {
		for x := int(cx - radius - 1); x <= int(cx+radius+1); x++ {
			inside := 0
			for s := range 64 {
				dx := float64(x) + (float64(s%8)+0.5)/8 - cx
				dy := float64(y) + (float64(s/8)+0.5)/8 - cy
				if math.Hypot(dx, dy) <= radius {
					inside++
				}
			}
			if inside > 0 {
				picture.SetNRGBA(x, y, mix(picture.NRGBAAt(x, y), ink, inside, 64))
			}
		}
	}
}

func mix(under, over color.NRGBA, part, whole int) color.NRGBA {
	blend := func(a, b uint8) uint8 { return uint8((int(a)*(whole-part) + int(b)*part) / whole) }
	return color.NRGBA{blend(under.R, over.R), blend(under.G, over.G), blend(under.B, over.B), blend(under.A, over.A)}
}

// speckle gives every pixel its own colour, the same for the same seed. With
// alpha, its own transparency, too.
func speckle(width, height int, seed uint32, alpha bool) *image.NRGBA {
	picture := image.NewNRGBA(image.Rect(0, 0, width, height))
	for i := range picture.Pix {
		seed = seed*1664525 + 1013904223
		picture.Pix[i] = uint8(seed >> 24)
		if !alpha && i%4 == 3 {
			picture.Pix[i] = 255
		}
	}
	return picture
}

var (
	white = color.NRGBA{255, 255, 255, 255}
	black = color.NRGBA{0, 0, 0, 255}
	blue  = color.NRGBA{20, 60, 200, 255}
	glass = color.NRGBA{}
)

// page is a made-up page: a frame, buttons and round shapes.
func page(width, height int, shift float64) *image.NRGBA {
	picture := blank(width, height, white)
	for row := 0; row*40+40 <= height; row++ {
		fill(picture, image.Rect(8, row*40+4, width/3, row*40+30), blue)
		for column := width/3 + 20; column+20 < width; column += 24 {
			disc(picture, float64(column)+shift, float64(row*40+18)+shift/2, 8.3, black)
		}
	}
	return picture
}
