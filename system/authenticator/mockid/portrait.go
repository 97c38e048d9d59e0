package mockid

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"sync"
)

// Size of a drawn portrait, in pixels: the 4:5 of a passport photograph, small
// enough to draw anew each time.
const (
	portraitWidth  = 64
	portraitHeight = 80
	quality        = 75
)

// maxDrawn bounds how many portraits are kept: about 4 MB.
const maxDrawn = 1024

// gallery keeps portraits that were drawn, because drawing costs more than all
// the rest of a call.
type gallery struct {
	mu    sync.Mutex
	drawn map[string]string
}

// portrait returns that of the person with id, in base64.
func (g *gallery) portrait(id string) (string, error) {
	g.mu.Lock()
	kept, found := g.drawn[id]
	g.mu.Unlock()
	if found {
		return kept, nil
	}
	photograph, err := draw(id)
	if err != nil {
		return "", err
	}
	made := base64.StdEncoding.EncodeToString(photograph)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.drawn == nil || len(g.drawn) >= maxDrawn {
		g.drawn = map[string]string{} // any can be drawn again
	}
	g.drawn[id] = made
	return made, nil
}

// draw returns a portrait of the person with id as JPEG: a head and shoulders
// in colours that follow from the id, so that each person has always the same.
func draw(id string) ([]byte, error) {
	seed := sha256.Sum256([]byte("portrait " + id))
	light := func(i int) color.RGBA {
		return color.RGBA{R: 160 + seed[i]%80, G: 160 + seed[i+1]%80, B: 160 + seed[i+2]%80, A: 255}
	}
	dark := func(i int) color.RGBA {
		return color.RGBA{R: 30 + seed[i]%110, G: 30 + seed[i+1]%110, B: 30 + seed[i+2]%110, A: 255}
	}
	skins := []color.RGBA{{R: 255, G: 219, B: 190, A: 255}, {R: 224, G: 172, B: 130, A: 255}, {R: 160, G: 110, B: 75, A: 255}, {R: 100, G: 65, B: 45, A: 255}}
	background, skin, hair, clothes := light(0), skins[int(seed[3])%len(skins)], dark(4), dark(7)
	head := ellipse{x: 32, y: 34, width: 13 + int(seed[10])%4, height: 17 + int(seed[11])%4}
	crown := ellipse{x: 32, y: 29, width: head.width + 2, height: head.height}
	shoulders := ellipse{x: 32, y: 82, width: 26 + int(seed[12])%5, height: 31}
	picture := image.NewRGBA(image.Rect(0, 0, portraitWidth, portraitHeight))
	for y := range portraitHeight {
		for x := range portraitWidth {
			paint := background
			switch {
			case head.holds(x, y) && y > 27:
				paint = skin
			case crown.holds(x, y) && y <= 34:
				paint = hair
			case shoulders.holds(x, y):
				paint = clothes
			}
			picture.SetRGBA(x, y, paint)
		}
	}
	eyes := color.RGBA{R: 16, G: 12, B: 20, A: 255}
	for _, eye := range []int{26, 38} {
		for _, x := range []int{eye - 1, eye} {
			picture.SetRGBA(x, 35, eyes)
			picture.SetRGBA(x, 36, eyes)
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, picture, &jpeg.Options{Quality: quality}); err != nil {
		return nil, fmt.Errorf("draw portrait: %w", err)
	}
	return out.Bytes(), nil
}

// ellipse has half axes width and height.
type ellipse struct{ x, y, width, height int }

func (e ellipse) holds(x, y int) bool {
	dx, dy := (x-e.x)*e.height, (y-e.y)*e.width
	return dx*dx+dy*dy <= e.width*e.height*e.width*e.height
}
