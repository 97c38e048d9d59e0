package pixels

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
)

const signature = "\x89PNG\r\n\x1a\n"

// Kinds of chunks that are looked at.
const (
	kindHeader, kindData, kindEnd   = "IHDR", "IDAT", "IEND"
	kindAnimation, kindTransparency = "acTL", "tRNS"
)

// Colour types, section 11.2.1.
const (
	colorGrey, colorRGB, colorPalette, colorGreyAlpha, colorRGBA = 0, 2, 3, 4, 6
)

var (
	// ErrNotPNG is wrapped by errors about files of another kind.
	ErrNotPNG = errors.New("not a PNG file")
	// ErrCorrupt is wrapped by errors about files that are broken or cut off.
	ErrCorrupt = errors.New("broken PNG file")
	// ErrTooLarge is wrapped by errors about pictures beyond the limit.
	ErrTooLarge = errors.New("picture is too large")
	// ErrAnimated is wrapped by errors about animated PNG files: which of their
	// pictures is meant, only a person knows.
	ErrAnimated = errors.New("animated PNG file")
)

// header is what the file says about its picture.
type header struct {
	size      image.Point
	depth     uint8
	color     uint8
	interlace uint8
	// transparent reports a colour that stands for transparency.
	transparent bool
}

// plain reports the kinds that browsers and this program write.
func (h *header) plain() bool {
	return h.depth == 8 && h.interlace == 0 && !h.transparent && (h.color == colorRGB || h.color == colorRGBA)
}

// bytesPerPixel of a plain picture.
func (h *header) bytesPerPixel() int {
	if h.color == colorRGBA {
		return 4
	}
	return 3
}

// readHeader reads the file up to its pixels.
func readHeader(c *chunks, maxPixels int) (*header, error) {
	if err := readSignature(c.file); err != nil {
		return nil, err
	}
	if err := c.next(); err != nil {
		return nil, err
	}
	if c.kind != kindHeader || c.left != 13 {
		return nil, corrupt("it starts with chunk %q of %d bytes", c.kind, c.left)
	}
	fields, err := c.payload()
	if err != nil {
		return nil, err
	}
	if err := c.skip(); err != nil {
		return nil, err
	}
	found, err := parseHeader(fields, maxPixels)
	if err != nil {
		return nil, err
	}
	for {
		if err := c.next(); err != nil {
			return nil, err
		}
		switch c.kind {
		case kindData:
			return found, nil
		case kindTransparency:
			found.transparent = true
		case kindAnimation:
			return nil, animated(c)
		case kindEnd:
			return nil, corrupt("it has no pixels")
		}
	}
}

func readSignature(file *bufio.Reader) error {
	start := make([]byte, len(signature))
	n, err := io.ReadFull(file, start)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if string(start) != signature {
		return fmt.Errorf("%w: it %s", ErrNotPNG, startsLike(start[:n]))
	}
	return nil
}

// startsLike names what people mistake for PNG.
func startsLike(start []byte) string {
	for _, known := range []struct{ start, name string }{
		{"\xff\xd8\xff", "is a JPEG"}, {"GIF8", "is a GIF"}, {"RIFF", "is a WebP or another RIFF file"}, {"BM", "is a bitmap"},
		{"<svg", "is an SVG"}, {"<", "is markup"}, {"version ", "is a pointer of Git LFS: fetch the file with git lfs pull"},
	} {
		if len(start) >= len(known.start) && string(start[:len(known.start)]) == known.start {
			return known.name
		}
	}
	if len(start) == 0 {
		return "is empty"
	}
	return fmt.Sprintf("starts with %q", start)
}

func parseHeader(fields []byte, maxPixels int) (*header, error) {
	width, height := binary.BigEndian.Uint32(fields), binary.BigEndian.Uint32(fields[4:])
	h := &header{depth: fields[8], color: fields[9], interlace: fields[12]}
	if width == 0 || height == 0 || width > 1<<31-1 || height > 1<<31-1 {
		return nil, corrupt("it claims %d×%d pixels", width, height)
	}
	if uint64(width)*uint64(height) > uint64(maxPixels) {
		return nil, fmt.Errorf("%w: %d×%d pixels, the limit is %d in all", ErrTooLarge, width, height, maxPixels)
	}
	if fields[10] != 0 || fields[11] != 0 || h.interlace > 1 {
		return nil, corrupt("unknown compression, filter or interlacing")
	}
	h.size = image.Pt(int(width), int(height))
	return h, nil
}

func animated(c *chunks) error {
	control, err := c.payload()
	if err != nil {
		return err
	}
	if len(control) < 4 {
		return corrupt("chunk %q", kindAnimation)
	}
	return fmt.Errorf("%w of %d frames: save the frame to compare as a picture of its own", ErrAnimated, binary.BigEndian.Uint32(control))
}
