package compare

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// grain is the side of the squares that a fingerprint is made of.
const grain = 16

// Fingerprint names a difference by where it is: two comparisons whose changed
// pixels lie in the same squares of 16 pixels, on pictures of the same sizes, have
// the same one, even where single pixels flicker. It is empty when nothing differs,
// and changes with the metric.
func (o *Outcome) Fingerprint() string {
	if o.Same() {
		return ""
	}
	sum := sha256.New()
	write := func(values ...int) {
		for _, value := range values {
			// A hash never refuses to be written to.
			_ = binary.Write(sum, binary.LittleEndian, int64(value))
		}
	}
	sum.Write([]byte(o.Metric))
	write(o.Baseline.X, o.Baseline.Y, o.Actual.X, o.Actual.Y)
	for top := 0; top < o.Size.Y; top += grain {
		squares := map[int]bool{}
		o.changed[top:min(top+grain, o.Size.Y)].each(func(x, _ int) { squares[x/grain] = true })
		for x := range (o.Size.X + grain - 1) / grain {
			if squares[x] {
				write(x, top/grain)
			}
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}
