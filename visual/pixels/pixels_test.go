package pixels

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const limit = 1 << 20

func TestEveryFilterIsUndone(t *testing.T) {
	for filter := byte(filterNone); filter <= filterPaeth; filter++ {
		for _, size := range []int{3, 4} {
			for _, width := range []int{1, 2, 3, 8, 31, 200} {
				picture := mixture(width, 40, size == 4)
				got, err := Decode(bytes.NewReader(fileOf(t, picture, filter, size)), limit)
				if err != nil || !bytes.Equal(got.Pix, picture.Pix) {
					t.Errorf("filter %d, %d bytes a pixel, %d wide: %v", filter, size, width, err)
				}
			}
		}
	}
}

func TestEveryKindIsReadAsTheStandardLibraryReadsIt(t *testing.T) {
	area := image.Rect(0, 0, 37, 11)
	kinds := map[string]draw.Image{
		"opaque": image.NewRGBA(area), "translucent": image.NewNRGBA(area), "grey": image.NewGray(area), "deep grey": image.NewGray16(area),
		"deep": image.NewNRGBA64(area), "palette": image.NewPaletted(area, color.Palette{color.White, color.Black, color.NRGBA{200, 0, 0, 255}}),
		"palette with transparency": image.NewPaletted(area, color.Palette{color.White, color.NRGBA{200, 0, 0, 100}}),
	}
	for name, picture := range kinds {
		t.Run(name, func(t *testing.T) {
			draw.Draw(picture, area, mixture(37, 11, name == "translucent" || name == "deep"), image.Point{}, draw.Src)
			var file bytes.Buffer
			if err := png.Encode(&file, picture); err != nil {
				t.Fatal(err)
			}
			want, err := decodeWhole(bytes.NewReader(file.Bytes()))
			if err != nil {
				t.Fatal(err)
			}
			got, err := Decode(bytes.NewReader(file.Bytes()), limit)
			if err != nil || !bytes.Equal(got.Pix, want.Pix) {
				t.Errorf("pixels differ, or %v", err)
			}
			checkRows(t, file.Bytes(), want)
		})
	}
}

// checkRows reads row by row without keeping more than two.
func checkRows(t *testing.T, file []byte, want *image.NRGBA) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(file), limit)
	if err != nil {
		t.Fatal(err)
	}
	var above []byte
	for y := range r.Size().Y {
		row := make([]byte, 4*r.Size().X)
		if err := r.Row(row, above); err != nil || !bytes.Equal(row, want.Pix[y*want.Stride:][:len(row)]) {
			t.Fatalf("row %d differs, or %v", y, err)
		}
		above = row
	}
	if err := r.Finish(); err != nil {
		t.Error(err)
	}
}

func TestBadFilesAreNamed(t *testing.T) {
	good := fileOf(t, mixture(20, 20, false), filterPaeth, 3)
	damaged := bytes.Clone(good)
	damaged[len(damaged)-30]++
	lines := squeezed(t, filtered(mixture(20, 20, false), filterUp, 3))
	with := func(chunks ...[]byte) []byte { return append([]byte(signature), bytes.Join(chunks, nil)...) }
	rgb := headerOf(20, 20, 8, 2, 0, 0, 0)
	cases := map[string]struct {
		file []byte
		want error
		says string
	}{
		"nothing":                {nil, ErrNotPNG, "is empty"},
		"a JPEG":                 {[]byte("\xff\xd8\xff\xe0\x00\x10JFIF"), ErrNotPNG, "is a JPEG"},
		"a page":                 {[]byte("<!doctype html>"), ErrNotPNG, "is markup"},
		"a pointer of Git LFS":   {[]byte("version https://git-lfs.github.com/spec/v1\n"), ErrNotPNG, "git lfs pull"},
		"text":                   {[]byte("hello, world"), ErrNotPNG, `starts with "hello, w"`},
		"only a signature":       {[]byte(signature), ErrCorrupt, "ends early"},
		"a flipped bit":          {damaged, ErrCorrupt, "checksum"},
		"a bomb":                 {with(headerOf(1<<20, 1<<20, 8, 2, 0, 0, 0)), ErrTooLarge, "1048576×1048576 pixels, the limit is 1048576"},
		"no pixels":              {with(headerOf(0, 5, 8, 2, 0, 0, 0)), ErrCorrupt, "0×5"},
		"an animation":           {with(rgb, chunkOf("acTL", []byte{0, 0, 0, 12, 0, 0, 0, 0})), ErrAnimated, "of 12 frames"},
		"no data":                {with(rgb, chunkOf(kindEnd, nil)), ErrCorrupt, "has no pixels"},
		"too few rows":           {with(headerOf(20, 21, 8, 2, 0, 0, 0), chunkOf(kindData, lines), chunkOf(kindEnd, nil)), ErrCorrupt, "fewer pixels"},
		"too many rows":          {with(headerOf(20, 19, 8, 2, 0, 0, 0), chunkOf(kindData, lines), chunkOf(kindEnd, nil)), ErrCorrupt, "more pixels"},
		"an unknown filter":      {with(rgb, chunkOf(kindData, squeezed(t, bytes.Repeat([]byte{9}, 61*20))), chunkOf(kindEnd, nil)), ErrCorrupt, "filter 9"},
		"an unknown kind":        {with(headerOf(20, 20, 7, 5, 0, 0, 0), chunkOf(kindData, lines), chunkOf(kindEnd, nil)), ErrCorrupt, ""},
		"a chunk without an end": {with(rgb, []byte("\xff\xff\xff\xffIDAT")), ErrCorrupt, "claims 4294967295 bytes"},
		"data that is no stream": {with(rgb, chunkOf(kindData, []byte("not zlib")), chunkOf(kindEnd, nil)), ErrCorrupt, "RFC 1950"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Decode(bytes.NewReader(c.file), limit)
			if !errors.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("got %v, want %v that says %q", err, c.want, c.says)
			}
		})
	}
	for n := range len(good) {
		if _, err := Decode(bytes.NewReader(good[:n]), limit); err == nil {
			t.Fatalf("a file cut after %d of %d bytes is read", n, len(good))
		}
		if _, err := Verify(bytes.NewReader(good[:n]), limit); err == nil {
			t.Fatalf("a file cut after %d of %d bytes is whole", n, len(good))
		}
	}
}

// TestBombTakesNoMemory reads a file whose few bytes unfold to what its header does not
// announce, and one that keeps what it announces, row by row.
func TestBombTakesNoMemory(t *testing.T) {
	zeros := squeezed(t, make([]byte, 64<<20))
	bomb := bytes.Join([][]byte{[]byte(signature), headerOf(20, 20, 8, 2, 0, 0, 0), chunkOf(kindData, zeros), chunkOf(kindEnd, nil)}, nil)
	long := bytes.Join([][]byte{[]byte(signature), headerOf(1, 16<<20, 8, 2, 0, 0, 0), chunkOf(kindData, zeros), chunkOf(kindEnd, nil)}, nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Decode(bytes.NewReader(bomb), limit); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a bomb: %v", err)
	}
	r, err := NewReader(bytes.NewReader(long), 16<<20)
	if err != nil {
		t.Fatal(err)
	}
	row := make([]byte, 4)
	for y := range r.Size().Y {
		if err := r.Row(row, row); err != nil {
			t.Fatalf("row %d: %v", y, err)
		}
	}
	runtime.ReadMemStats(&after)
	if err := r.Finish(); err != nil {
		t.Error(err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 4<<20 {
		t.Errorf("took %d bytes", took)
	}
}

func TestVerifiedFilesHaveASize(t *testing.T) {
	size, err := Verify(bytes.NewReader(fileOf(t, mixture(20, 30, false), filterUp, 3)), limit)
	if err != nil || size != image.Pt(20, 30) {
		t.Errorf("%v %v", size, err)
	}
}

// FuzzDecode holds the reader against the standard library's: what that reads, this
// reads to the same pixels.
func FuzzDecode(f *testing.F) {
	for filter := byte(filterNone); filter <= filterPaeth; filter++ {
		f.Add(fileOf(f, mixture(7, 5, false), filter, 3))
		f.Add(fileOf(f, mixture(5, 7, true), filter, 4))
	}
	f.Add([]byte(signature))
	const limit = 4096
	f.Fuzz(func(t *testing.T, file []byte) {
		config, err := png.DecodeConfig(bytes.NewReader(file))
		small := err == nil && config.Width*config.Height <= limit
		got, err := Decode(bytes.NewReader(file), limit)
		if err == nil && got.Rect.Dx()*got.Rect.Dy() > limit {
			t.Fatalf("decoded %v beyond the limit", got.Rect)
		}
		if errors.Is(err, ErrAnimated) || !small {
			return
		}
		want, wantErr := decodeWhole(bytes.NewReader(file))
		if wantErr != nil {
			return
		}
		if err != nil || !bytes.Equal(got.Pix, want.Pix) {
			t.Fatalf("the standard library reads it, this differs, or: %v", err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for _, size := range []int{3, 4} {
		for filter := byte(filterNone); filter <= filterPaeth; filter++ {
			picture := mixture(1000, 500, size == 4)
			for i := range picture.Pix[:len(picture.Pix)/2] {
				picture.Pix[i] = 240
			}
			file := fileOf(b, picture, filter, size)
			b.Run(fmt.Sprintf("filter=%d/size=%d", filter, size), func(b *testing.B) {
				b.SetBytes(int64(len(picture.Pix)))
				for b.Loop() {
					if _, err := Decode(bytes.NewReader(file), limit); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkFiles decodes the files of the folder $TOCSIN_PNG, beside the standard library.
func BenchmarkFiles(b *testing.B) {
	files, err := filepath.Glob(filepath.Join(os.Getenv("TOCSIN_PNG"), "*.png"))
	if err != nil || os.Getenv("TOCSIN_PNG") == "" {
		b.Skip("TOCSIN_PNG names no folder")
	}
	for _, path := range files {
		file, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(filepath.Base(path)+"/rows", func(b *testing.B) {
			for b.Loop() {
				r, err := NewReader(bytes.NewReader(file), 1<<28)
				if err != nil {
					b.Fatal(err)
				}
				row := make([]byte, 4*r.Size().X)
				for range r.Size().Y {
					if err := r.Row(row, row); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
		b.Run(filepath.Base(path)+"/stdlib", func(b *testing.B) {
			for b.Loop() {
				if _, err := png.Decode(bytes.NewReader(file)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
