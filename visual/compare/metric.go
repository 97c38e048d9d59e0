package compare

// Metric names a distance of colours and the anti-aliasing detector beside it,
// with their version. It is stored with each baseline: two figures of different
// metrics do not compare.
type Metric string

const (
	// YIQ counts as pixelmatch 7 does, and is what baselines are judged by.
	YIQ Metric = "yiq-aa/1"
	// OKLab counts as pixelmatch 8 does.
	OKLab Metric = "oklab-aa/1"
)

// alike reports whether nobody sees a difference between two packed pixels at
// position i of the picture.
func (c *comparison) alike(a, b uint32, i int) bool {
	if c.outcome.Metric == OKLab {
		return oklabAlike(a, b, i, c.options.Threshold)
	}
	return colorDelta(a, b, i) <= c.limit
}

// lumaDelta is the signed difference in brightness that the anti-aliasing detector
// sees between two packed pixels, of which the first is at position i.
func (c *comparison) lumaDelta(a, b uint32, i int) float64 {
	switch {
	case a&b >= opaque:
		return lumaDelta(a, b)
	case c.outcome.Metric == OKLab:
		return lumaDeltaOverWhite(a, b)
	}
	return blendedLumaDelta(a, b, i)
}
