package corpus

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Scene is a login page as it is drawn. Its zero value draws an empty page.
type Scene struct {
	Width, Height int
	Paper, Card   color.NRGBA
	Ink, Accent   color.NRGBA
	Heading       string
	Label, Button string
	Mono          bool    // another font, as when one does not load
	Size          float64 // of the text, in pixels
	Shift         image.Point
	ButtonShift   image.Point
	Fraction      float64 // of a pixel, that text is set to the right
	Icon          color.NRGBA
	Turn          float64 // of the spinner, in radians; 0 for none
	Caret         bool
	Scrollbar     bool
	Border        uint8 // grey of the frame of the field
}

// Variations of the page, as a platform has them.
func light() Scene {
	return Scene{
		Width: 420, Height: 320, Paper: grey(244), Card: grey(255), Ink: grey(30), Accent: color.NRGBA{26, 95, 180, 255},
		Heading: "Log in", Label: "National number", Button: "Continue", Size: 16, Icon: color.NRGBA{42, 157, 92, 255}, Border: 136,
	}
}

func dark() Scene {
	s := light()
	s.Paper, s.Card, s.Ink, s.Accent, s.Border = grey(24), grey(40), grey(235), color.NRGBA{98, 160, 234, 255}, 120
	return s
}

func mobile() Scene {
	s := light()
	s.Width, s.Height, s.Size = 300, 420, 19
	s.Heading, s.Label, s.Button = "Logg inn", "Fødselsnummer", "Neste"
	return s
}

func grey(v uint8) color.NRGBA { return color.NRGBA{v, v, v, 255} }

// Draw draws the scene.
func (s Scene) Draw() (*image.NRGBA, error) {
	picture := image.NewNRGBA(image.Rect(0, 0, s.Width, s.Height))
	fill(picture, picture.Rect, s.Paper)
	at := s.Shift.Add(image.Pt(30, 30))
	card := image.Rect(0, 0, s.Width-60, 230).Add(at)
	fill(picture, card, s.Card)
	if s.Icon.A > 0 {
		disc(picture, float64(card.Max.X-30), float64(card.Min.Y+30), 14, s.Icon)
	}
	if s.Turn != 0 {
		disc(picture, float64(card.Max.X-30)+14*math.Cos(s.Turn), float64(card.Max.Y-30)+14*math.Sin(s.Turn), 4, s.Accent)
	}
	field := image.Rect(20, 100, card.Dx()-20, 136).Add(at)
	fill(picture, field, grey(s.Border))
	fill(picture, field.Inset(1), s.Card)
	if s.Caret {
		fill(picture, image.Rect(field.Min.X+8, field.Min.Y+8, field.Min.X+9, field.Max.Y-8), s.Ink)
	}
	button := image.Rect(20, 160, 150, 200).Add(at).Add(s.ButtonShift)
	fill(picture, button, s.Accent)
	if s.Scrollbar {
		fill(picture, image.Rect(s.Width-15, 0, s.Width, s.Height), grey(250))
		fill(picture, image.Rect(s.Width-12, 4, s.Width-3, s.Height/2), grey(190))
	}
	return picture, s.write(picture, at, button)
}

func (s Scene) write(picture *image.NRGBA, at image.Point, button image.Rectangle) error {
	for _, line := range []struct {
		text string
		at   image.Point
		size float64
		ink  color.NRGBA
	}{
		{s.Heading, at.Add(image.Pt(20, 45)), 1.4 * s.Size, s.Ink},
		{s.Label, at.Add(image.Pt(20, 88)), s.Size, s.Ink},
		{s.Button, button.Min.Add(image.Pt(16, 26)), s.Size, s.Card},
	} {
		if err := s.line(picture, line.text, line.at, line.size, line.ink); err != nil {
			return err
		}
	}
	return nil
}

func (s Scene) line(picture *image.NRGBA, text string, at image.Point, size float64, ink color.NRGBA) (err error) {
	source := goregular.TTF
	if s.Mono {
		source = gomono.TTF
	}
	parsed, err := opentype.Parse(source)
	if err != nil {
		return fmt.Errorf("draw scene: %w", err)
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: size, DPI: 72})
	if err != nil {
		return fmt.Errorf("draw scene: %w", err)
	}
	defer func() { err = errors.Join(err, face.Close()) }()
	dot := fixed.P(at.X, at.Y)
	dot.X += fixed.Int26_6(s.Fraction * 64)
	drawer := font.Drawer{Dst: picture, Src: image.NewUniform(ink), Face: face, Dot: dot}
	drawer.DrawString(text)
	return nil
}

func fill(picture *image.NRGBA, area image.Rectangle, c color.NRGBA) {
	area = area.Intersect(picture.Rect)
	for y := area.Min.Y; y < area.Max.Y; y++ {
		row := picture.Pix[picture.PixOffset(area.Min.X, y):][:4*area.Dx()]
		for i := 0; i < len(row); i += 4 {
			row[i], row[i+1], row[i+2], row[i+3] = c.R, c.G, c.B, c.A
		}
	}
}

// disc draws a filled circle with soft edges, 8×8 samples a pixel.
func disc(picture *image.NRGBA, cx, cy, radius float64, ink color.NRGBA) {
	for y := int(cy - radius - 1); y <= int(cy+radius+1); y++ {
		for x := int(cx - radius - 1); x <= int(cx+radius+1); x++ {
			inside := 0
			for sample := range 64 {
				dx := float64(x) + (float64(sample%8)+0.5)/8 - cx
				dy := float64(y) + (float64(sample/8)+0.5)/8 - cy
				if math.Hypot(dx, dy) <= radius {
					inside++
				}
			}
			under := picture.NRGBAAt(x, y)
			mix := func(a, b uint8) uint8 { return uint8((int(a)*(64-inside) + int(b)*inside) / 64) }
			picture.SetNRGBA(x, y, color.NRGBA{mix(under.R, ink.R), mix(under.G, ink.G), mix(under.B, ink.B), 255})
		}
	}
}
