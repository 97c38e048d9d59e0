package history

import (
	"errors"
	"math"
)

// errCut means that a segment ends before all that it promises.
var errCut = errors.New("segment is cut off")

// bitWriter writes numbers in Rice's code: the part above k bits in unary, the
// rest plainly. Small numbers around zero, which times and latencies are once
// what they have in common is taken off, need a few bits each.
type bitWriter struct {
	bytes []byte
	free  int
}

func (w *bitWriter) bit(set bool) {
	if w.free == 0 {
		w.bytes = append(w.bytes, 0)
		w.free = 8
	}
	w.free--
	if set {
		w.bytes[len(w.bytes)-1] |= 1 << w.free
	}
}

// escape is the length of a unary part that says: 64 plain bits follow.
const escape = 24

func (w *bitWriter) rice(value uint64, k int) {
	high := value >> k
	if high >= escape {
		w.unary(escape)
		w.plain(value, 64)
		return
	}
	w.unary(int(high))
	w.plain(value, k)
}

func (w *bitWriter) unary(ones int) {
	for range ones {
		w.bit(true)
	}
	w.bit(false)
}

func (w *bitWriter) plain(value uint64, width int) {
	for at := width - 1; at >= 0; at-- {
		w.bit(value>>at&1 == 1)
	}
}

// bitReader reads what a bitWriter wrote.
type bitReader struct {
	bytes []byte
	at    int
}

func (r *bitReader) bit() (bool, error) {
	if r.at>>3 >= len(r.bytes) {
		return false, errCut
	}
	set := r.bytes[r.at>>3]>>(7-r.at&7)&1 == 1
	r.at++
	return set, nil
}

func (r *bitReader) rice(k int) (uint64, error) {
	high := 0
	for {
		set, err := r.bit()
		if err != nil {
			return 0, err
		}
		if !set {
			break
		}
		high++
		if high > escape {
			return 0, errors.New("segment is damaged: a number is too long")
		}
	}
	if high == escape {
		return r.plain(64)
	}
	low, err := r.plain(k)
	return uint64(high)<<k | low, err
}

func (r *bitReader) plain(width int) (uint64, error) {
	value := uint64(0)
	for range width {
		set, err := r.bit()
		if err != nil {
			return 0, err
		}
		value <<= 1
		if set {
			value |= 1
		}
	}
	return value, nil
}

// bytesRead is how many bytes were used, the last one whole.
func (r *bitReader) bytesRead() int { return (r.at + 7) / 8 }

// riceParameter is the k for which values take the fewest bits. One that is far
// from the others must not make each of them longer, as it would if k followed
// their mean.
func riceParameter(values []uint64) int {
	best, least := 0, uint64(math.MaxUint64)
	for k := range 33 {
		cost := uint64(0)
		for _, value := range values {
			if high := value >> k; high < escape {
				cost += high + 1 + uint64(k)
			} else {
				cost += escape + 1 + 64
			}
		}
		// Too small a k costs in the unary part, too large a one in the plain
		// part: past the least, it only grows.
		if cost > least {
			break
		}
		best, least = k, cost
	}
	return best
}

// zigzag folds negative numbers between the positive ones.
func zigzag(value int64) uint64   { return uint64(value<<1) ^ uint64(value>>63) }
func unzigzag(value uint64) int64 { return int64(value>>1) ^ -int64(value&1) }
