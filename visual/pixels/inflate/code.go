package inflate

import (
	"errors"
	"math/bits"
)

// An entry of a decoding table holds, from its lowest bit: five bits of code
// length, three of kind, five of extra bits (of the size of a second table, for
// the kind link), and sixteen of value: a literal, a base or an offset.
type entry uint32

const (
	literal  entry = iota << 5
	based          // value plus extra bits: a length or a distance
	end            // of the block
	link           // to a second table at offset value
	invalid        // a code that stands for nothing
	kindMask = 7 << 5
)

func pack(kind entry, extra, value int) entry { return kind | entry(extra)<<8 | entry(value)<<16 }

func (e entry) length() uint    { return uint(e & 31) }
func (e entry) extra() uint     { return uint(e >> 8 & 31) }
func (e entry) value() int      { return int(e >> 16) }
func (e entry) is(k entry) bool { return e&kindMask == k }

// Sizes of alphabets and codes, RFC 1951 section 3.2.
const (
	maxLiterals  = 286
	maxDistances = 30
	maxLength    = 15
	// rootBits of a code are looked up at once; few codes of a picture are longer.
	rootBits = 11
	rootMask = 1<<rootBits - 1
)

var errCode = errors.New("codes of a block contradict each other")

// build fills a decoding table for a canonical Huffman code: lengths[i] bits for
// what meaning[i] says. Unused codes are invalid.
func build(table []entry, lengths []uint8, meaning []entry) ([]entry, error) {
	var count, next [maxLength + 2]int
	longest := 0
	for _, n := range lengths {
		count[n]++
		longest = max(longest, int(n))
	}
	table = append(table[:0], make([]entry, 1<<rootBits)...)
	for i := range table {
		table[i] = invalid | 1
	}
	if longest == 0 {
		return table, nil
	}
	code := 0
	count[0] = 0
	for n := 1; n <= longest; n++ {
		code = (code + count[n-1]) << 1
		next[n] = code
	}
	// A complete code, or, section 3.2.7, one distance code of one bit.
	if full := code + count[longest]; full != 1<<longest && (full != 1 || longest != 1) {
		return nil, errCode
	}
	var second [1 << rootBits]uint8
	for i, n := range lengths {
		if n > rootBits {
			prefix := reversed(nextOf(&next, lengths, i), int(n)) & rootMask
			second[prefix] = max(second[prefix], n-rootBits)
		}
	}
	restart(&next, &count, longest)
	for i, n := range lengths {
		if n != 0 {
			at := reversed(next[n], int(n))
			next[n]++
			table = place(table, &second, at, int(n), meaning[i])
		}
	}
	return table, nil
}

// nextOf takes the next code of the length of symbol i.
func nextOf(next *[maxLength + 2]int, lengths []uint8, i int) int {
	code := next[lengths[i]]
	next[lengths[i]]++
	return code
}

// restart sets next to the first code of each length again.
func restart(next, count *[maxLength + 2]int, longest int) {
	code := 0
	for n := 1; n <= longest; n++ {
		code = (code + count[n-1]) << 1
		next[n] = code
	}
}

// reversed is a code as it stands in the data: its first bit lowest.
func reversed(code, length int) int {
	return int(bits.Reverse16(uint16(code)) >> (16 - length))
}

// place writes what a code means to all places where its lookup may end.
func place(table []entry, second *[1 << rootBits]uint8, code, length int, meaning entry) []entry {
	filled := meaning | entry(length)
	if length <= rootBits {
		for i := code; i <= rootMask; i += 1 << length {
			table[i] = filled
		}
		return table
	}
	prefix := code & rootMask
	size := int(second[prefix])
	if !table[prefix].is(link) {
		table[prefix] = pack(link, size, len(table)) | rootBits
		for range 1 << size {
			table = append(table, invalid|1)
		}
	}
	start := table[prefix].value()
	for i := code >> rootBits; i < 1<<size; i += 1 << (length - rootBits) {
		table[start+i] = filled
	}
	return table
}
