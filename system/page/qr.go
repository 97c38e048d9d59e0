package page

import (
	"fmt"
	"strconv"

	"rsc.io/qr"
)

// quiet is the white margin around a code, in modules (ISO/IEC 18004, 9.1).
const quiet = 4

// maxQR bounds what is put into a code; more would be hard to scan.
const maxQR = 512

// QR is a QR code as a path of SVG, which is part of the page: as an image of
// its own it would need an address that draws codes of anything for anybody.
type QR struct {
	Size int
	Path string
}

// NewQR draws text.
func NewQR(text string) (QR, error) {
	if len(text) > maxQR {
		return QR{}, fmt.Errorf("draw QR code: %d bytes are too much", len(text))
	}
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return QR{}, fmt.Errorf("draw QR code: %w", err)
	}
	path := make([]byte, 0, 8<<10)
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			start := x
			for code.Black(x, y) {
				x++
			}
			if x > start {
				path = appendRun(path, start+quiet, y+quiet, x-start)
			}
		}
	}
	return QR{Size: code.Size + 2*quiet, Path: string(path)}, nil
}

// appendRun adds one row of dark modules.
func appendRun(path []byte, x, y, length int) []byte {
	path = strconv.AppendInt(append(path, 'M'), int64(x), 10)
	path = strconv.AppendInt(append(path, ' '), int64(y), 10)
	path = strconv.AppendInt(append(path, 'h'), int64(length), 10)
	path = strconv.AppendInt(append(path, "v1h-"...), int64(length), 10)
	return append(path, 'z')
}
