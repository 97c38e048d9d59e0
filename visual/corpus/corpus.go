package corpus

import (
	"bytes"
	"embed"
	"fmt"
	"image"
	"image/color"
	"path"

	"tocsin/visual/pixels"
)

// Pair is two pictures of which is known whether a person calls them the same.
type Pair struct {
	Name        string
	Before, Now *image.NRGBA
	// Same is what a person says, with the allowances below.
	Same bool
	// Ignore are regions that may differ.
	Ignore []image.Rectangle
	// Absorb is how far things may move.
	Absorb int
}

// variation is one way in which a page may look different, or not.
type variation struct {
	name   string
	change func(*Scene)
	same   bool
	ignore []image.Rectangle
	absorb int
}

func variations() []variation {
	everything := func(s *Scene) { s.Heading, s.Label, s.Button = "Something went wrong", "IDP-3200", "Try again" }
	return []variation{
		{name: "nothing", change: func(*Scene) {}, same: true},
		{name: "one letter of the heading", change: func(s *Scene) { s.Heading = s.Heading[:len(s.Heading)-1] + "m" }},
		{name: "one letter of the button", change: func(s *Scene) { s.Button = s.Button[:len(s.Button)-1] + "o" }},
		{name: "a full stop", change: func(s *Scene) { s.Label += "." }},
		{name: "capitals", change: func(s *Scene) { s.Button = string(s.Button[0]|32) + s.Button[1:] }},
		{name: "everything a pixel down", change: func(s *Scene) { s.Shift.Y = 1 }},
		{name: "everything a pixel down, allowed", change: func(s *Scene) { s.Shift.Y = 1 }, same: true, absorb: 1},
		{name: "everything two pixels aside, allowed one", change: func(s *Scene) { s.Shift.X = 2 }, absorb: 1},
		{name: "everything two pixels aside, allowed two", change: func(s *Scene) { s.Shift.X = 2 }, same: true, absorb: 2},
		{name: "the button a pixel aside", change: func(s *Scene) { s.ButtonShift.X = 1 }},
		{name: "the button twelve pixels down, allowed two", change: func(s *Scene) { s.ButtonShift.Y = 12 }, absorb: 2},
		{name: "the icon in another colour", change: func(s *Scene) { s.Icon = color.NRGBA{157, 92, 42, 255} }},
		{name: "the icon in another colour, shifts allowed", change: func(s *Scene) { s.Icon = color.NRGBA{157, 92, 42, 255} }, absorb: 2},
		{name: "the icon in nearly its colour", change: func(s *Scene) { s.Icon.G += 6; s.Icon.R += 6 }},
		{name: "no icon", change: func(s *Scene) { s.Icon = color.NRGBA{} }},
		{name: "the button in nearly its colour", change: func(s *Scene) { s.Accent.B -= 5; s.Accent.R += 4 }},
		{name: "another font", change: func(s *Scene) { s.Mono = true }},
		{name: "another size of text", change: func(s *Scene) { s.Size += 0.5 }},
		{name: "text half a pixel aside", change: func(s *Scene) { s.Fraction = 0.5 }},
		{name: "a caret", change: func(s *Scene) { s.Caret = true }},
		{name: "a caret, its field ignored", change: func(s *Scene) { s.Caret = true }, same: true, ignore: []image.Rectangle{image.Rect(40, 120, 400, 180)}},
		{name: "another frame of the spinner", change: func(s *Scene) { s.Turn = 2 }},
		{name: "another frame of the spinner, ignored", change: func(s *Scene) { s.Turn = 2 }, same: true, ignore: []image.Rectangle{image.Rect(200, 200, 420, 300)}},
		{name: "a scrollbar", change: func(s *Scene) { s.Scrollbar = true }},
		{name: "an error page", change: everything},
		{name: "an error page, shifts allowed", change: everything, absorb: 2},
		{name: "a page that is a pixel longer", change: func(s *Scene) { s.Height++ }},
		{name: "a frame a shade darker", change: func(s *Scene) { s.Border -= 8 }},
		{name: "an empty page", change: func(s *Scene) {
			*s = Scene{Width: s.Width, Height: s.Height, Paper: s.Paper, Card: s.Paper, Accent: s.Paper, Border: s.Paper.R}
		}},
	}
}

// Pairs returns all pairs: each variation of each page, what renderers do to
// pixels that no person sees, and pictures that Chromium rendered.
func Pairs() ([]Pair, error) {
	var all []Pair
	for _, page := range []struct {
		name  string
		scene Scene
	}{{"light", light()}, {"dark", dark()}, {"mobile", mobile()}} {
		name, scene := page.name, page.scene
		scene.Turn = 0.5
		for _, v := range variations() {
			changed := scene
			v.change(&changed)
			before, err := scene.Draw()
			if err != nil {
				return nil, err
			}
			now, err := changed.Draw()
			if err != nil {
				return nil, err
			}
			all = append(all, Pair{Name: name + ": " + v.name, Before: before, Now: now, Same: v.same, Ignore: v.ignore, Absorb: v.absorb})
		}
		noisy, err := noise(name, scene)
		if err != nil {
			return nil, err
		}
		all = append(all, noisy...)
	}
	rendered, err := rendered()
	return append(all, rendered...), err
}

// noise is what rasterisers and compositors do differently from run to run.
func noise(name string, scene Scene) ([]Pair, error) {
	plain, err := scene.Draw()
	if err != nil {
		return nil, err
	}
	faint, soft, spot := clone(plain), clone(plain), clone(plain)
	for i := 0; i < 80; i++ {
		// The last bit of a channel, here and there.
		faint.Pix[4*(i*997%(len(faint.Pix)/4))] ^= 1
	}
	// One soft edge of the icon, drawn with other rounding.
	right := scene.Width - 60
	for y := 48; y < 72; y++ {
		p := soft.Pix[y*soft.Stride+4*(right-13):]
		if p[0] != scene.Icon.R && p[0] != scene.Card.R {
			p[0], p[1], p[2] = p[0]^8, p[1]^8, p[2]^8
		}
	}
	fill(spot, image.Rect(100, 300, 102, 302), color.NRGBA{200, 0, 0, 255})
	return []Pair{
		{Name: name + ": last bits", Before: plain, Now: faint, Same: true},
		{Name: name + ": a soft edge", Before: plain, Now: soft, Same: true},
		{Name: name + ": a spot of four pixels", Before: plain, Now: spot},
	}, nil
}

func clone(p *image.NRGBA) *image.NRGBA {
	copied := *p
	copied.Pix = bytes.Clone(p.Pix)
	return &copied
}

//go:embed testdata/*.png
var files embed.FS

// rendered are pictures that Chromium made of testdata/base.html and of variations
// of it, named like what differs.
func rendered() ([]Pair, error) {
	base, err := load("base")
	if err != nil {
		return nil, err
	}
	var all []Pair
	for _, name := range []string{"again", "colour", "dark", "error", "font", "icon-colour", "icon-gone", "letter", "moved", "rtl", "shadow", "subpixel", "weight"} {
		now, err := load(name)
		if err != nil {
			return nil, err
		}
		all = append(all, Pair{Name: "Chromium: " + name, Before: base, Now: now, Same: name == "again"})
	}
	return all, nil
}

func load(name string) (*image.NRGBA, error) {
	file, err := files.ReadFile(path.Join("testdata", name+".png"))
	if err != nil {
		return nil, fmt.Errorf("load picture of corpus: %w", err)
	}
	return pixels.Decode(bytes.NewReader(file), 1<<20)
}
