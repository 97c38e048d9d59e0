package compare

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"
)

func encoded(t testing.TB, picture image.Image) []byte {
	t.Helper()
	file, err := EncodePNG(picture)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestDecodedPixelsHaveStraightAlpha(t *testing.T) {
	translucent := color.NRGBA{200, 100, 50, 128}
	cases := map[string]struct {
		picture image.Image
		want    color.NRGBA
	}{
		"opaque":      {blank(3, 2, blue), blue},
		"translucent": {blank(3, 2, translucent), translucent},
		"grey":        {&image.Gray{Pix: []byte{7, 7, 7, 7, 7, 7}, Stride: 3, Rect: image.Rect(0, 0, 3, 2)}, color.NRGBA{7, 7, 7, 255}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			decoded, err := DecodePNG(encoded(t, c.picture), MaxPixels)
			if err != nil {
				t.Fatal(err)
			}
			if got := decoded.NRGBAAt(2, 1); got != c.want || decoded.Rect != image.Rect(0, 0, 3, 2) {
				t.Errorf("pixel %v in %v, want %v", got, decoded.Rect, c.want)
			}
		})
	}
}

// claiming returns a PNG that claims a size and holds next to nothing.
func claiming(width, height uint32) []byte {
	header := binary.BigEndian.AppendUint32([]byte("IHDR"), width)
	header = append(binary.BigEndian.AppendUint32(header, height), 8, 6, 0, 0, 0)
	file := binary.BigEndian.AppendUint32([]byte("\x89PNG\r\n\x1a\n"), 13)
	return binary.BigEndian.AppendUint32(append(file, header...), crc32.ChecksumIEEE(header))
}

func TestPictureBeyondTheLimitIsRefusedByItsHeader(t *testing.T) {
	if _, err := DecodePNG(claiming(1<<20, 1<<20), MaxPixels); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	if _, err := DecodePNG(encoded(t, blank(11, 10, white)), 109); !errors.Is(err, ErrTooLarge) {
		t.Errorf("110 pixels with a limit of 109: %v", err)
	}
	if _, err := DecodePNG(encoded(t, blank(11, 10, white)), 110); err != nil {
		t.Errorf("110 pixels with a limit of 110: %v", err)
	}
}

func TestPairNamesTheFileThatCannotBeRead(t *testing.T) {
	good, bad := encoded(t, blank(2, 2, white)), []byte("no picture")
	if before, now, err := DecodePair(good, good, MaxPixels); err != nil || before == nil || now == nil {
		t.Errorf("two good files: %v", err)
	}
	if _, _, err := DecodePair(bad, good, MaxPixels); err == nil || !strings.HasPrefix(err.Error(), "baseline cannot be read") {
		t.Errorf("bad baseline: %v", err)
	}
	if _, _, err := DecodePair(good, bad, MaxPixels); err == nil || !strings.HasPrefix(err.Error(), "picture cannot be read") {
		t.Errorf("bad picture: %v", err)
	}
}

func FuzzDecodePNG(f *testing.F) {
	f.Add(encoded(f, blank(3, 2, white)))
	f.Add(encoded(f, speckle(5, 5, 1, true)))
	f.Add(claiming(1<<31, 1<<31))
	f.Add(claiming(0, 0))
	f.Add([]byte("\x89PNG\r\n\x1a\n"))
	const limit = 4096
	f.Fuzz(func(t *testing.T, file []byte) {
		decoded, err := DecodePNG(file, limit)
		if err != nil {
			return
		}
		size := decoded.Rect.Size()
		if size.X*size.Y > limit || decoded.Rect.Min != (image.Point{}) {
			t.Fatalf("decoded %v beyond the limit", decoded.Rect)
		}
		outcome, err := Images(decoded, decoded, Options{})
		if err != nil || !outcome.Same() {
			t.Fatalf("a picture differs from itself: %v %v", outcome, err)
		}
		again, err := png.Decode(bytes.NewReader(encoded(t, decoded)))
		if err != nil || again.Bounds().Size() != size {
			t.Fatalf("decoded picture cannot be written again: %v", err)
		}
	})
}
