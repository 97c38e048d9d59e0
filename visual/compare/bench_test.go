package compare

import (
	"fmt"
	"image"
	"testing"
)

// The sizes that the field publishes figures for: a laptop's viewport, and the
// full page in odiff's README.
var benchSizes = []image.Point{{1280, 720}, {3446, 10728}}

func BenchmarkImages(b *testing.B) {
	for _, size := range benchSizes {
		baseline := page(size.X, size.Y, 0)
		for name, actual := range map[string]*image.NRGBA{
			"equal": page(size.X, size.Y, 0), "shifted": page(size.X, size.Y, 0.5), "all": speckle(size.X, size.Y, 1, false),
		} {
			b.Run(fmt.Sprintf("%dx%d/%s", size.X, size.Y, name), func(b *testing.B) {
				b.SetBytes(int64(len(actual.Pix)))
				for b.Loop() {
					if _, err := Images(baseline, actual, Options{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkDecodePNG(b *testing.B) {
	file := encoded(b, page(1280, 720, 0))
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		if _, err := DecodePNG(file, MaxPixels); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDifference(b *testing.B) {
	baseline, actual := page(1280, 720, 0), page(1280, 720, 0.5)
	outcome, err := Images(baseline, actual, Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		encoded(b, outcome.Difference(actual))
	}
}
