package history

import (
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"slices"
)

// Latencies are kept to 2 %: bin n stands for about 1.04ⁿ microseconds. The
// error of a quantile is that of its bin, and sketches of any two spans add up
// without further loss, as those of DDSketch (Masson and others, VLDB 2019) do.
const growth = 1.04

var logGrowth = math.Log(growth)

// binOf is the bin of a latency in milliseconds. Bin 0 is a microsecond and
// everything below.
func binOf(ms float64) int {
	if !(ms > 0.001) {
		return 0
	}
	return int(math.Round(min(math.Log(ms*1000)/logGrowth, maxBin)))
}

// maxBin is beyond a month.
const maxBin = 750

func msOf(bin int) float64 { return math.Exp(float64(bin)*logGrowth) / 1000 }

// Sketch counts latencies by bin.
type Sketch map[int]uint64

// Add counts the latencies of other as well.
func (s Sketch) Add(other Sketch) {
	for bin, count := range other {
		s[bin] += count
	}
}

// Count of latencies in the sketch.
func (s Sketch) Count() uint64 {
	count := uint64(0)
	for _, one := range s {
		count += one
	}
	return count
}

// Quantile is the latency, in milliseconds, that the share q of all does not
// exceed; false without data.
func (s Sketch) Quantile(q float64) (float64, bool) {
	count := s.Count()
	if count == 0 {
		return 0, false
	}
	rank := uint64(math.Ceil(q * float64(count)))
	seen := uint64(0)
	for _, bin := range slices.Sorted(maps.Keys(s)) {
		seen += s[bin]
		if seen >= max(rank, 1) {
			return msOf(bin), true
		}
	}
	return 0, false
}

// encode writes bins in order, each as its distance to the one before.
func (s Sketch) encode() []byte {
	data := []byte{}
	last := 0
	for _, bin := range slices.Sorted(maps.Keys(s)) {
		data = binary.AppendUvarint(data, uint64(bin-last))
		data = binary.AppendUvarint(data, s[bin])
		last = bin
	}
	return data
}

// addEncoded counts what an encoded sketch counted.
func (s Sketch) addEncoded(data []byte) error {
	bin := 0
	for len(data) > 0 {
		distance, used := binary.Uvarint(data)
		if used <= 0 || distance > maxBin {
			return errors.New("sketch is damaged")
		}
		count, more := binary.Uvarint(data[used:])
		if more <= 0 {
			return errors.New("sketch is damaged")
		}
		bin += int(distance)
		s[bin] += count
		data = data[used+more:]
	}
	return nil
}
