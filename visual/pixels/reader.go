package pixels

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"io"

	"tocsin/visual/pixels/inflate"
)

// buffer is how much of a file is read at a time.
const buffer = 64 << 10

// Reader reads the rows of one picture, from the top.
type Reader struct {
	header *header
	chunks *chunks
	data   *inflate.Reader
	row    int
	above  []byte       // the row before, where the caller does not hold it
	whole  *image.NRGBA // of pictures that are not plain
}

// NewReader reads the header of a PNG file. Its error wraps ErrNotPNG, ErrCorrupt,
// ErrTooLarge when the picture has more than maxPixels, or ErrAnimated.
func NewReader(file io.ReadSeeker, maxPixels int) (*Reader, error) {
	c := &chunks{file: bufio.NewReaderSize(file, buffer)}
	found, err := readHeader(c, maxPixels)
	if err != nil {
		return nil, fmt.Errorf("read picture: %w", err)
	}
	r := &Reader{header: found, chunks: c}
	if !found.plain() {
		if r.whole, err = decodeWhole(file); err != nil {
			return nil, fmt.Errorf("read picture: %w: %w", ErrCorrupt, err)
		}
		return r, nil
	}
	if err := zlibHeader(c); err != nil {
		return nil, fmt.Errorf("read picture: %w", err)
	}
	r.data = inflate.New(c, r.line())
	r.above = make([]byte, 4*found.size.X)
	return r, nil
}

// line is the length of one filtered row.
func (r *Reader) line() int { return 1 + r.header.size.X*r.header.bytesPerPixel() }

// zlibHeader reads the two bytes before the compressed data, RFC 1950.
func zlibHeader(c *chunks) error {
	var head [2]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return truncated(err)
	}
	const deflate, dictionary = 8, 0x20
	if head[0]&15 != deflate || head[0]>>4 > 7 || head[1]&dictionary != 0 || (int(head[0])<<8|int(head[1]))%31 != 0 {
		return corrupt("its pixels are not compressed as RFC 1950 says")
	}
	return nil
}

// decodeWhole decodes the kinds that are rare, and returns straight alpha.
func decodeWhole(file io.ReadSeeker) (*image.NRGBA, error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	decoded, err := png.Decode(file)
	if err != nil {
		return nil, err
	}
	if pixels, ok := decoded.(*image.NRGBA); ok && pixels.Rect.Min == (image.Point{}) {
		return pixels, nil
	}
	pixels := image.NewNRGBA(image.Rectangle{Max: decoded.Bounds().Size()})
	draw.Draw(pixels, pixels.Rect, decoded, decoded.Bounds().Min, draw.Src)
	return pixels, nil
}

// Size is the size of the picture.
func (r *Reader) Size() image.Point { return r.header.size }

// Row reads the next row into row, four bytes a pixel: red, green, blue and
// straight alpha. above is the row before it as Row left it; nil for the first.
func (r *Reader) Row(row, above []byte) error {
	if r.whole != nil {
		copy(row, r.whole.Pix[r.row*r.whole.Stride:][:4*r.header.size.X])
		r.row++
		return nil
	}
	if above == nil {
		above = r.above
	}
	line, err := r.data.Next(r.line())
	if err != nil {
		return fmt.Errorf("read row %d of the picture: %w", r.row, asCorrupt(err))
	}
	if !unfilter(row[:4*r.header.size.X], above[:4*r.header.size.X], line, r.header.bytesPerPixel()) {
		return fmt.Errorf("read row %d of the picture: %w", r.row, corrupt("filter %d is unknown", line[0]))
	}
	r.row++
	return nil
}

// Finish reads the file to its end, after the last row. A file that goes on with
// pixels, or that ends without saying so, is broken.
func (r *Reader) Finish() error {
	if r.whole != nil {
		return nil
	}
	if _, err := r.data.Next(1); !errors.Is(err, io.EOF) {
		if err == nil {
			err = corrupt("it has more pixels than its header says")
		}
		return fmt.Errorf("read end of picture: %w", asCorrupt(err))
	}
	for r.chunks.kind != kindEnd {
		if err := r.chunks.next(); err != nil {
			return fmt.Errorf("read end of picture: %w", err)
		}
	}
	if err := r.chunks.skip(); err != nil {
		return fmt.Errorf("read end of picture: %w", err)
	}
	return nil
}

// asCorrupt makes what is wrong with the data an error of the file.
func asCorrupt(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return corrupt("it has fewer pixels than its header says")
	case errors.Is(err, inflate.ErrCorrupt):
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

// Decode reads a whole picture.
func Decode(file io.ReadSeeker, maxPixels int) (*image.NRGBA, error) {
	r, err := NewReader(file, maxPixels)
	if err != nil {
		return nil, err
	}
	if r.whole != nil {
		return r.whole, nil
	}
	picture := image.NewNRGBA(image.Rectangle{Max: r.Size()})
	var above []byte
	for y := range r.Size().Y {
		row := picture.Pix[y*picture.Stride:][:picture.Stride]
		if err := r.Row(row, above); err != nil {
			return nil, err
		}
		above = row
	}
	return picture, r.Finish()
}

// Verify reads a whole file without decoding it: its header, the checksum of every
// chunk, and its end.
func Verify(file io.Reader, maxPixels int) (image.Point, error) {
	c := &chunks{file: bufio.NewReaderSize(file, buffer)}
	found, err := readHeader(c, maxPixels)
	if err != nil {
		return image.Point{}, fmt.Errorf("read picture: %w", err)
	}
	for c.kind != kindEnd {
		if err := c.next(); err != nil {
			return image.Point{}, fmt.Errorf("read picture: %w", err)
		}
	}
	if err := c.skip(); err != nil {
		return image.Point{}, fmt.Errorf("read picture: %w", err)
	}
	return found.size, nil
}
