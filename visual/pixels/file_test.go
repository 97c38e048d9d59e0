package pixels

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"testing"
)

// chunkOf returns a chunk of a PNG file.
func chunkOf(kind string, payload []byte) []byte {
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))
	chunk = append(append(chunk, kind...), payload...)
	return binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
}

func headerOf(width, height int, fields ...byte) []byte {
	size := binary.BigEndian.AppendUint32(nil, uint32(width))
	size = binary.BigEndian.AppendUint32(size, uint32(height))
	return chunkOf(kindHeader, append(size, fields...))
}

// fileOf writes a picture with one filter on every row, as no encoder does, and
// its pixels in chunks of an odd size.
func fileOf(t testing.TB, picture *image.NRGBA, filter byte, size int) []byte {
	t.Helper()
	color := byte(colorRGB)
	if size == 4 {
		color = colorRGBA
	}
	file := append([]byte(signature), headerOf(picture.Rect.Dx(), picture.Rect.Dy(), 8, color, 0, 0, 0)...)
	file = append(file, chunkOf("tEXt", []byte("a\x00b"))...)
	data := squeezed(t, filtered(picture, filter, size))
	for len(data) > 0 {
		n := min(len(data), 777)
		file, data = append(file, chunkOf(kindData, data[:n])...), data[n:]
	}
	return append(file, chunkOf(kindEnd, nil)...)
}

func squeezed(t testing.TB, lines []byte) []byte {
	t.Helper()
	var data bytes.Buffer
	writer := zlib.NewWriter(&data)
	if _, err := writer.Write(lines); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return data.Bytes()
}

// filtered applies a filter as section 9.2 writes it down, byte by byte.
func filtered(picture *image.NRGBA, filter byte, size int) (lines []byte) {
	at := func(x, y, channel int) int {
		if x < 0 || y < 0 {
			return 0
		}
		return int(picture.Pix[y*picture.Stride+4*x+channel])
	}
	for y := range picture.Rect.Dy() {
		lines = append(lines, filter)
		for x := range picture.Rect.Dx() {
			for channel := range size {
				a, b, c := at(x-1, y, channel), at(x, y-1, channel), at(x-1, y-1, channel)
				lines = append(lines, byte(at(x, y, channel)-[]int{0, a, b, (a + b) / 2, predicted(a, b, c)}[filter]))
			}
		}
	}
	return lines
}

func predicted(a, b, c int) int {
	distance := func(v int) int { return max(a+b-c-v, v-a-b+c) }
	switch {
	case distance(a) <= distance(b) && distance(a) <= distance(c):
		return a
	case distance(b) <= distance(c):
		return b
	}
	return c
}

// mixture has flat areas, slopes and noise.
func mixture(width, height int, translucent bool) *image.NRGBA {
	picture := image.NewNRGBA(image.Rect(0, 0, width, height))
	seed := uint32(9)
	for y := range height {
		for x := range width {
			pixel := picture.Pix[y*picture.Stride+4*x:][:4]
			seed = seed*1664525 + 1013904223
			switch (x/5 + y/3) % 3 {
			case 0:
				copy(pixel, []byte{240, 240, 250, 255})
			case 1:
				copy(pixel, []byte{byte(3 * x), byte(5 * y), byte(x + y), 255})
			default:
				copy(pixel, []byte{byte(seed >> 8), byte(seed >> 16), byte(seed >> 24), 255})
			}
			if translucent {
				pixel[3] = byte(seed >> 20)
			}
		}
	}
	return picture
}
