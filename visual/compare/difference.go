package compare

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
)

// dim is how much of the actual picture shines through in the difference.
const dim = 0.25

// Palette of a difference picture: shades of the dimmed page, then the marks.
// One byte per pixel compresses four times faster than four.
const (
	shades      = 254
	softIndex   = shades
	changeIndex = shades + 1
)

// Difference draws the changed pixels red and the soft edges yellow over a
// dimmed, grey picture of the actual page.
func (o *Outcome) Difference(actual *image.NRGBA) *image.Paletted {
	picture := image.NewPaletted(image.Rectangle{Max: o.Size}, palette())
	for y := range o.Size.Y {
		line := picture.Pix[y*picture.Stride:][:o.Size.X]
		for x := range line {
			line[x] = shades - 1
		}
		if y < actual.Rect.Dy() {
			shade(line, actual.Pix[y*actual.Stride:][:4*actual.Rect.Dx()])
		}
	}
	o.soft.each(func(x, y int) { picture.Pix[y*picture.Stride+x] = softIndex })
	o.changed.each(func(x, y int) { picture.Pix[y*picture.Stride+x] = changeIndex })
	return picture
}

// shade writes the brightness of each pixel, laid over white, as a palette index.
func shade(line []uint8, pixels []byte) {
	for x := 0; x < len(line) && 4*x+3 < len(pixels); x++ {
		p := pixels[4*x : 4*x+4 : 4*x+4]
		// Integer luma of ITU-R BT.601; the picture is for eyes.
		luma := (299*int(p[0]) + 587*int(p[1]) + 114*int(p[2])) / 1000
		light := 255 - (255-luma)*int(p[3])/255
		line[x] = uint8(light * (shades - 1) / 255)
	}
}

func palette() color.Palette {
	colors := make(color.Palette, shades, shades+2)
	for i := range colors {
		grey := uint8(255 - dim*255*(1-float64(i)/(shades-1)))
		colors[i] = color.NRGBA{grey, grey, grey, 255}
	}
	return append(colors, color.NRGBA{255, 200, 0, 255}, color.NRGBA{230, 0, 0, 255})
}

// EncodePNG writes a picture for people to look at: quick rather than small.
func EncodePNG(picture image.Image) ([]byte, error) {
	var file bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := encoder.Encode(&file, picture); err != nil {
		return nil, fmt.Errorf("encode PNG: %w", err)
	}
	return file.Bytes(), nil
}
