package inflate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	// window is how far back a match may reach.
	window = 32 << 10
	// ahead is how much is decompressed at a time, and longest a match: a loop
	// that stops before the last one has no other bounds to check.
	ahead   = 64 << 10
	longest = 258
	input   = 32 << 10
	// rewind is how much input may have gone into the bit buffer already when a
	// stored block, which starts at a byte, asks for it back.
	rewind = 8
)

// ErrCorrupt is wrapped by errors about data that is not DEFLATE.
var ErrCorrupt = errors.New("corrupt compressed data")

// Reader decompresses a stream. Its memory does not depend on the stream.
type Reader struct {
	source  io.Reader
	in      []byte
	at, top int // of the unread input
	drained bool

	hold  uint64 // the next bits of the input
	count int    // how many of them there are

	out         []byte
	read, write int

	alphabet            *alphabet
	literals, distances []entry
	lengths             [maxLiterals + maxDistances]uint8

	inBlock, final bool
	stored         int // bytes that a stored block still holds
}

// New returns a reader of DEFLATE data. largest is the most that Next is asked for.
func New(source io.Reader, largest int) *Reader {
	return &Reader{
		source: source, in: make([]byte, input), out: make([]byte, window+largest+ahead+longest),
		alphabet: newAlphabet(),
	}
}

// Next returns the next n bytes, which are valid until the next call. At the end of the
// data its error is io.EOF, or io.ErrUnexpectedEOF when less than n are left.
func (r *Reader) Next(n int) ([]byte, error) {
	if r.write-r.read < n {
		if err := r.fill(n); err != nil {
			return nil, err
		}
	}
	r.read += n
	return r.out[r.read-n : r.read], nil
}

// fill decompresses until n bytes are there.
func (r *Reader) fill(n int) error {
	if keep := min(r.read, r.write-window); keep > 0 && r.read+n+longest > len(r.out)-ahead {
		copy(r.out, r.out[keep:r.write])
		r.read, r.write = r.read-keep, r.write-keep
	}
	for r.write-r.read < n {
		if !r.inBlock {
			if r.final {
				if r.write == r.read {
					return io.EOF
				}
				return io.ErrUnexpectedEOF
			}
			if err := r.header(); err != nil {
				return err
			}
		}
		if err := r.block(); err != nil {
			return err
		}
	}
	return nil
}

// header reads the start of a block, section 3.2.3.
func (r *Reader) header() error {
	head, err := r.bits(3)
	if err != nil {
		return err
	}
	r.final, r.inBlock = head&1 == 1, true
	switch head >> 1 {
	case 0:
		return r.storedHeader()
	case 1:
		r.stored = -1
		return r.fixed()
	case 2:
		r.stored = -1
		return r.dynamic()
	}
	return fmt.Errorf("%w: reserved kind of block", ErrCorrupt)
}

func (r *Reader) block() error {
	if r.stored >= 0 {
		return r.copyStored()
	}
	return r.decode()
}

// storedHeader reads the length of a stored block, section 3.2.4.
func (r *Reader) storedHeader() error {
	r.at -= r.count / 8
	r.hold, r.count = 0, 0
	size, err := r.bits(16)
	if err != nil {
		return err
	}
	inverse, err := r.bits(16)
	if err != nil {
		return err
	}
	if size^inverse != 0xffff {
		return fmt.Errorf("%w: length of a stored block", ErrCorrupt)
	}
	r.at -= r.count / 8
	r.hold, r.count = 0, 0
	r.stored = size
	return nil
}

func (r *Reader) copyStored() error {
	for r.stored > 0 && r.write < len(r.out)-longest {
		if r.at == r.top {
			if err := r.more(); err != nil {
				return err
			}
			if r.at == r.top {
				return io.ErrUnexpectedEOF
			}
		}
		n := copy(r.out[r.write:min(r.write+r.stored, len(r.out))], r.in[r.at:r.top])
		r.write, r.at, r.stored = r.write+n, r.at+n, r.stored-n
	}
	r.inBlock = r.stored > 0
	return nil
}

// more reads input behind what is unread, and keeps what may be asked back.
func (r *Reader) more() error {
	if r.drained {
		return nil
	}
	keep := max(0, r.at-rewind)
	copy(r.in, r.in[keep:r.top])
	r.at, r.top = r.at-keep, r.top-keep
	n, err := io.ReadAtLeast(r.source, r.in[r.top:], 1)
	r.top += n
	if errors.Is(err, io.EOF) {
		r.drained = true
		return nil
	}
	return err
}

// refill makes at least 48 bits ready, the most that one match takes, unless
// the input ends.
func (r *Reader) refill() error {
	for r.top-r.at < 8 && !r.drained {
		if err := r.more(); err != nil {
			return err
		}
	}
	if r.top-r.at >= 8 {
		r.hold |= binary.LittleEndian.Uint64(r.in[r.at:]) << r.count
		r.at += (63 - r.count) >> 3
		r.count |= 56
		return nil
	}
	for r.count <= 56 && r.at < r.top {
		r.hold |= uint64(r.in[r.at]) << r.count
		r.at++
		r.count += 8
	}
	return nil
}

// bits takes n bits, 16 at most.
func (r *Reader) bits(n int) (int, error) {
	if r.count < n {
		if err := r.refill(); err != nil {
			return 0, err
		}
		if r.count < n {
			return 0, io.ErrUnexpectedEOF
		}
	}
	value := int(r.hold & (1<<n - 1))
	r.hold >>= n
	r.count -= n
	return value, nil
}
