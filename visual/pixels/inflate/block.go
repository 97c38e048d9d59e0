package inflate

import (
	"encoding/binary"
	"fmt"
	"io"
)

// fixed sets up the codes of section 3.2.6.
func (r *Reader) fixed() (err error) {
	literals, distances := fixedLengths()
	if r.literals, err = build(r.literals, literals[:], r.alphabet.literals[:]); err != nil {
		return err
	}
	r.distances, err = build(r.distances, distances[:], r.alphabet.distances[:])
	return err
}

// dynamic reads the codes of a block, section 3.2.7.
func (r *Reader) dynamic() error {
	head, err := r.bits(14)
	if err != nil {
		return err
	}
	literals, distances, orders := head&31+257, head>>5&31+1, head>>10+4
	if literals > maxLiterals || distances > maxDistances {
		return fmt.Errorf("%w: too many codes", ErrCorrupt)
	}
	var lengths [19]uint8
	for i := range orders {
		n, err := r.bits(3)
		if err != nil {
			return err
		}
		lengths[lengthOrder[i]] = uint8(n)
	}
	if r.literals, err = build(r.literals, lengths[:], r.alphabet.orders[:]); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if err := r.codeLengths(r.lengths[:literals+distances]); err != nil {
		return err
	}
	if r.literals, err = build(r.literals, r.lengths[:literals], r.alphabet.literals[:]); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if r.distances, err = build(r.distances, r.lengths[literals:literals+distances], r.alphabet.distances[:]); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}

// codeLengths reads the lengths of both codes, which are one run of symbols.
func (r *Reader) codeLengths(lengths []uint8) error {
	for i := 0; i < len(lengths); {
		symbol, err := r.symbol()
		if err != nil {
			return err
		}
		if symbol < 16 {
			lengths[i] = uint8(symbol)
			i++
			continue
		}
		repeat, extra, value := 3, 2, uint8(0)
		switch symbol {
		case 16:
			if i == 0 {
				return fmt.Errorf("%w: nothing to repeat", ErrCorrupt)
			}
			value = lengths[i-1]
		case 17:
			extra = 3
		case 18:
			repeat, extra = 11, 7
		}
		more, err := r.bits(extra)
		if err != nil {
			return err
		}
		if repeat += more; i+repeat > len(lengths) {
			return fmt.Errorf("%w: too many code lengths", ErrCorrupt)
		}
		for range repeat {
			lengths[i] = value
			i++
		}
	}
	return nil
}

// symbol takes one symbol of the code for code lengths.
func (r *Reader) symbol() (int, error) {
	if err := r.refill(); err != nil {
		return 0, err
	}
	e := r.literals[r.hold&rootMask]
	if e.is(invalid) {
		return 0, fmt.Errorf("%w: code without a meaning", ErrCorrupt)
	}
	if r.count < int(e.length()) {
		return 0, io.ErrUnexpectedEOF
	}
	r.hold >>= e.length()
	r.count -= int(e.length())
	return e.value(), nil
}

// decode decompresses the symbols of a block until it ends or the window is full.
func (r *Reader) decode() error {
	out, write, limit := r.out, r.write, len(r.out)-longest
	literals, distances := r.literals, r.distances
	hold, count := r.hold, r.count
	for write < limit {
		if r.top-r.at >= 8 {
			hold |= binary.LittleEndian.Uint64(r.in[r.at:]) << uint(count&63)
			r.at += (63 - count) >> 3
			count |= 56
		} else {
			r.hold, r.count = hold, count
			if err := r.refill(); err != nil {
				return err
			}
			hold, count = r.hold, r.count
		}
		e := literals[hold&rootMask]
		if e.is(link) {
			e = literals[e.value()+int(hold>>rootBits&(1<<e.extra()-1))]
		}
		hold >>= e.length()
		count -= int(e.length())
		if e.is(literal) && count >= 0 {
			out[write] = byte(e.value())
			write++
			continue
		}
		if !e.is(based) || count < 0 {
			r.hold, r.count, r.write = hold, count, write
			return r.finish(e)
		}
		length := e.value() + int(hold&(1<<e.extra()-1))
		hold >>= e.extra()
		count -= int(e.extra())
		e = distances[hold&rootMask]
		if e.is(link) {
			e = distances[e.value()+int(hold>>rootBits&(1<<e.extra()-1))]
		}
		hold >>= e.length()
		distance := e.value() + int(hold&(1<<e.extra()-1))
		hold >>= e.extra()
		count -= int(e.length() + e.extra())
		if !e.is(based) || count < 0 || distance > write {
			return r.refuse(e, count)
		}
		repeat(out[write-distance:write+length], distance)
		write += length
	}
	r.hold, r.count, r.write = hold, count, write
	return nil
}

// finish ends a block, or says why it cannot go on.
func (r *Reader) finish(e entry) error {
	if r.count < 0 || !e.is(end) {
		return r.refuse(e, r.count)
	}
	r.inBlock = false
	return nil
}

func (r *Reader) refuse(e entry, count int) error {
	switch {
	case e.is(invalid):
		return fmt.Errorf("%w: code without a meaning", ErrCorrupt)
	case count < 0:
		return io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: match before the beginning", ErrCorrupt)
}

// repeat fills span[distance:] with what stands distance before it. Where the
// two overlap, what was just copied is the source of the next, longer copy.
func repeat(span []byte, distance int) {
	for done := distance; done < len(span); {
		done += copy(span[done:], span[:done])
	}
}
