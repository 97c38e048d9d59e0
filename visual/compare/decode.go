package compare

import (
	"bytes"
	"fmt"
	"image"

	"golang.org/x/sync/errgroup"

	"tocsin/visual/pixels"
)

// ErrTooLarge is wrapped by errors about pictures beyond the decoding limit.
var ErrTooLarge = pixels.ErrTooLarge

// MaxPixels bounds what is decoded: 64 Mpx are 256 MiB, and hold a page of 1280
// pixels width and 52 000 pixels height.
const MaxPixels = 64 << 20

// DecodePNG reads a PNG into straight-alpha pixels. The header is read first
// and a picture of more than maxPixels is refused before anything is allocated
// for it: a file of a few bytes may claim a canvas of many gigabytes.
func DecodePNG(file []byte, maxPixels int) (*image.NRGBA, error) {
	decoded, err := pixels.Decode(bytes.NewReader(file), maxPixels)
	if err != nil {
		return nil, fmt.Errorf("decode PNG: %w", err)
	}
	return decoded, nil
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
