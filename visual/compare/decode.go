package compare

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"

	"golang.org/x/sync/errgroup"
)

// ErrTooLarge is wrapped by errors about pictures beyond the decoding limit.
var ErrTooLarge = errors.New("picture too large")

// MaxPixels bounds what Decode allocates: 64 Mpx are 256 MiB, and hold a page
// of 1280 pixels width and 52 000 pixels height.
const MaxPixels = 64 << 20

// DecodePNG reads a PNG into straight-alpha pixels. The header is read first
// and a picture of more than maxPixels is refused before anything is allocated
// for it: a file of a few bytes may claim a canvas of many gigabytes.
func DecodePNG(file []byte, maxPixels int) (*image.NRGBA, error) {
	header, err := png.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("read PNG header: %w", err)
	}
	if header.Width <= 0 || header.Height <= 0 {
		return nil, fmt.Errorf("read PNG header: empty picture of %d×%d pixels", header.Width, header.Height)
	}
	if header.Width > maxPixels/header.Height {
		return nil, fmt.Errorf("read PNG header: %w: %d×%d pixels, limit %d", ErrTooLarge, header.Width, header.Height, maxPixels)
	}
	decoded, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("decode PNG: %w", err)
	}
	return straight(decoded), nil
}

// DecodePair reads the two files of a comparison at the same time: decoding
// takes longer than comparing.
func DecodePair(baseline, actual []byte, maxPixels int) (before, now *image.NRGBA, err error) {
	var group errgroup.Group
	group.Go(func() (err error) {
		if before, err = DecodePNG(baseline, maxPixels); err != nil {
			return fmt.Errorf("baseline cannot be read: %w", err)
		}
		return nil
	})
	group.Go(func() (err error) {
		if now, err = DecodePNG(actual, maxPixels); err != nil {
			return fmt.Errorf("picture cannot be read: %w", err)
		}
		return nil
	})
	return before, now, group.Wait()
}

// straight returns the pixels of img without premultiplied alpha and with its
// origin at (0,0). Opaque RGBA is the same bytes either way and is not copied.
func straight(img image.Image) *image.NRGBA {
	switch img := img.(type) {
	case *image.NRGBA:
		if img.Rect.Min == (image.Point{}) {
			return img
		}
	case *image.RGBA:
		if img.Rect.Min == (image.Point{}) && img.Opaque() {
			return &image.NRGBA{Pix: img.Pix, Stride: img.Stride, Rect: img.Rect}
		}
	}
	size := img.Bounds().Size()
	pixels := image.NewNRGBA(image.Rectangle{Max: size})
	draw.Draw(pixels, pixels.Rect, img, img.Bounds().Min, draw.Src)
	return pixels
}
