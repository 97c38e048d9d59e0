package pixels

import "encoding/binary"

// Filters of a row, section 9.2.
const (
	filterNone = iota
	filterSub
	filterUp
	filterAverage
	filterPaeth
)

const (
	// opaque is the alpha channel of a packed pixel at its maximum.
	opaque = 255 << 24
	// Bytes of a word are added at once: their low seven bits cannot overflow
	// into the next byte, and the eighth is added without a carry.
	low, high   = 0x7f7f7f7f, 0x80808080
	low8, high8 = 0x7f7f7f7f_7f7f7f7f, 0x80808080_80808080
)

// unfilter undoes the filter of a line and writes it as packed pixels. above is
// the packed row before. It is false when the filter does not exist.
func unfilter(row, above, line []byte, size int) bool {
	filter, line := line[0], line[1:]
	if size == 4 {
		return unfilter4(row, above, line, filter)
	}
	return unfilter3(row, above, line, filter)
}

func unfilter4(row, above, line []byte, filter byte) bool {
	switch filter {
	case filterNone:
		copy(row, line)
	case filterSub:
		left := uint32(0)
		for i := 0; i+4 <= len(row) && i+4 <= len(line); i += 4 {
			left = add(binary.LittleEndian.Uint32(line[i:]), left)
			binary.LittleEndian.PutUint32(row[i:], left)
		}
	case filterUp:
		up4(row, above, line)
	case filterAverage:
		left := uint32(0)
		for i := 0; i+4 <= len(row) && i+4 <= len(line) && i+4 <= len(above); i += 4 {
			left = add(binary.LittleEndian.Uint32(line[i:]), average(left, binary.LittleEndian.Uint32(above[i:])))
			binary.LittleEndian.PutUint32(row[i:], left)
		}
	case filterPaeth:
		left, corner := uint32(0), uint32(0)
		for i := 0; i+4 <= len(row) && i+4 <= len(line) && i+4 <= len(above); i += 4 {
			top := binary.LittleEndian.Uint32(above[i:])
			left = add(binary.LittleEndian.Uint32(line[i:]), paeth(left, top, corner))
			binary.LittleEndian.PutUint32(row[i:], left)
			corner = top
		}
	default:
		return false
	}
	return true
}

func up4(row, above, line []byte) {
	i := 0
	for ; i+8 <= len(row) && i+8 <= len(line) && i+8 <= len(above); i += 8 {
		a, b := binary.LittleEndian.Uint64(line[i:]), binary.LittleEndian.Uint64(above[i:])
		binary.LittleEndian.PutUint64(row[i:], (a&low8+b&low8)^(a^b)&high8)
	}
	for ; i < len(row); i++ {
		row[i] = line[i] + above[i]
	}
}

// unfilter3 is unfilter4 for pixels of three bytes. Their fourth is opaque, and
// takes no part in the sums, as the filtered byte for it is 0.
func unfilter3(row, above, line []byte, filter byte) bool {
	count := len(row) / 4
	// The last pixel is not followed by a fourth byte that could be read along.
	var last [4]byte
	copy(last[:3], line[3*count-3:])
	body := 4 * (count - 1)
	switch filter {
	case filterNone:
		for i, j := 0, 0; i < body && i+4 <= len(row) && j+4 <= len(line); i, j = i+4, j+3 {
			binary.LittleEndian.PutUint32(row[i:], binary.LittleEndian.Uint32(line[j:])|opaque)
		}
		binary.LittleEndian.PutUint32(row[body:], binary.LittleEndian.Uint32(last[:])|opaque)
	case filterSub:
		left := uint32(0)
		for i, j := 0, 0; i < body && i+4 <= len(row) && j+4 <= len(line); i, j = i+4, j+3 {
			left = add(binary.LittleEndian.Uint32(line[j:]), left) | opaque
			binary.LittleEndian.PutUint32(row[i:], left)
		}
		binary.LittleEndian.PutUint32(row[body:], add(binary.LittleEndian.Uint32(last[:]), left)|opaque)
	case filterUp:
		up3(row, above, line, body)
		binary.LittleEndian.PutUint32(row[body:], add(binary.LittleEndian.Uint32(last[:]), binary.LittleEndian.Uint32(above[body:]))|opaque)
	case filterAverage:
		left := uint32(0)
		for i, j := 0, 0; i < body && i+4 <= len(row) && i+4 <= len(above) && j+4 <= len(line); i, j = i+4, j+3 {
			left = add(binary.LittleEndian.Uint32(line[j:]), average(left, binary.LittleEndian.Uint32(above[i:]))) | opaque
			binary.LittleEndian.PutUint32(row[i:], left)
		}
		binary.LittleEndian.PutUint32(row[body:], add(binary.LittleEndian.Uint32(last[:]), average(left, binary.LittleEndian.Uint32(above[body:])))|opaque)
	case filterPaeth:
		paeth3(row, above, line, body, binary.LittleEndian.Uint32(last[:]))
	default:
		return false
	}
	return true
}

func up3(row, above, line []byte, body int) {
	i, j := 0, 0
	for ; i+8 <= body && i+8 <= len(row) && i+8 <= len(above) && j+8 <= len(line); i, j = i+8, j+6 {
		six := binary.LittleEndian.Uint64(line[j:])
		a, b := six&0xffffff|six<<8&(0xffffff<<32), binary.LittleEndian.Uint64(above[i:])
		binary.LittleEndian.PutUint64(row[i:], (a&low8+b&low8)^(a^b)&high8|opaque<<32|opaque)
	}
	for ; i < body; i, j = i+4, j+3 {
		binary.LittleEndian.PutUint32(row[i:], add(binary.LittleEndian.Uint32(line[j:]), binary.LittleEndian.Uint32(above[i:]))|opaque)
	}
}

func paeth3(row, above, line []byte, body int, last uint32) {
	left, corner := uint32(0), uint32(0)
	const rgb = 0xffffff
	for i, j := 0, 0; i < body && i+4 <= len(row) && i+4 <= len(above) && j+4 <= len(line); i, j = i+4, j+3 {
		top := binary.LittleEndian.Uint32(above[i:]) & rgb
		left = add(binary.LittleEndian.Uint32(line[j:]), paeth(left, top, corner)) & rgb
		binary.LittleEndian.PutUint32(row[i:], left|opaque)
		corner = top
	}
	top := binary.LittleEndian.Uint32(above[body:]) & rgb
	binary.LittleEndian.PutUint32(row[body:], add(last, paeth(left, top, corner))|opaque)
}

// add adds two pixels byte by byte, without carries between the bytes.
func add(a, b uint32) uint32 { return (a&low + b&low) ^ (a^b)&high }

// average is the mean of two pixels byte by byte, rounded down.
func average(a, b uint32) uint32 { return a&b + (a^b)>>1&low }

// paeth predicts a pixel from those to its left, above it, and above to the left.
// Where two of the three are equal, as nearly everywhere on a page, the arithmetic
// has an outcome that is known.
func paeth(left, top, corner uint32) uint32 {
	if top == corner {
		return left
	}
	if left == corner {
		return top
	}
	return predictor(left, top, corner, 0) | predictor(left, top, corner, 8) |
		predictor(left, top, corner, 16) | predictor(left, top, corner, 24)
}

// predictor is Paeth's, section 9.4, for the byte at shift.
func predictor(left, top, corner uint32, shift uint) uint32 {
	a, b, c := int(left>>shift&255), int(top>>shift&255), int(corner>>shift&255)
	pa, pb := b-c, a-c
	pc := pa + pb
	pa, pb, pc = max(pa, -pa), max(pb, -pb), max(pc, -pc)
	switch {
	case pa <= pb && pa <= pc:
		return uint32(a) << shift
	case pb <= pc:
		return uint32(b) << shift
	}
	return uint32(c) << shift
}
