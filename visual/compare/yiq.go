package compare

import "math"

// maxDelta is the largest value of the YIQ metric, black against white.
const maxDelta = 35215

// Weights of the YIQ transmission space: Kotsarenko and Ramos, "Measuring
// perceived color difference using YIQ NTSC transmission color space in mobile
// applications", 2010.
const (
	lumaR, lumaG, lumaB = 0.29889531, 0.58662247, 0.11448223
	inR, inG, inB       = 0.59597799, 0.27417610, 0.32180189
	quadR, quadG, quadB = 0.21147017, 0.52261711, 0.31114694
	lumaW, inW, quadW   = 0.5053, 0.299, 0.1957
)

// channels returns the difference a-b of two packed pixels per channel, after
// both are laid over the background that belongs to position i of the picture.
func channels(a, b uint32, i int) (dr, dg, db float64) {
	if a&b >= opaque {
		return float64(int32(a&255) - int32(b&255)),
			float64(int32(a>>8&255) - int32(b>>8&255)),
			float64(int32(a>>16&255) - int32(b>>16&255))
	}
	return blended(a, b, i)
}

// opaque is the alpha channel of a packed pixel at its maximum.
const opaque = 255 << 24

// blended is channels for two pixels that are not both opaque. The background
// is a checkerboard without a period that a page could have: two colours that
// look alike only over white do not pass as equal. k is a byte offset, as in
// the reference, so the red of its background is always the dark one.
func blended(a, b uint32, i int) (dr, dg, db float64) {
	r1, g1, b1, a1 := unpack(a)
	r2, g2, b2, a2 := unpack(b)
	k := 4 * i
	rb := 48 + 159*(k%2)
	gb := 48 + 159*(int(float64(k)/math.Phi)%2)
	bb := 48 + 159*(int(float64(k)/(1+math.Phi))%2)
	da := a1 - a2
	dr = float64(r1*a1-r2*a2-rb*da) / 255
	dg = float64(g1*a1-g2*a2-gb*da) / 255
	db = float64(b1*a1-b2*a2-bb*da) / 255
	return dr, dg, db
}

func unpack(p uint32) (r, g, b, a int) {
	return int(p & 255), int(p >> 8 & 255), int(p >> 16 & 255), int(p >> 24)
}

// colorDelta is the squared perceived distance of two pixels, 0 to maxDelta.
// The conversions keep a compiler from fusing multiply and add, so that every
// architecture counts the same.
func colorDelta(a, b uint32, i int) float64 {
	dr, dg, db := channels(a, b, i)
	y := float64(dr*lumaR) + float64(dg*lumaG) + float64(db*lumaB)
	in := float64(dr*inR) - float64(dg*inG) - float64(db*inB)
	q := float64(dr*quadR) - float64(dg*quadG) + float64(db*quadB)
	return float64(float64(lumaW*y)*y) + float64(float64(inW*in)*in) + float64(float64(quadW*q)*q)
}

// lumaDelta is the signed difference in brightness of two opaque pixels.
func lumaDelta(a, b uint32) float64 {
	return float64(float64(int32(a&255)-int32(b&255))*lumaR) +
		float64(float64(int32(a>>8&255)-int32(b>>8&255))*lumaG) +
		float64(float64(int32(a>>16&255)-int32(b>>16&255))*lumaB)
}

// blendedLumaDelta is lumaDelta for two pixels that are not both opaque.
func blendedLumaDelta(a, b uint32, i int) float64 {
	dr, dg, db := blended(a, b, i)
	return float64(dr*lumaR) + float64(dg*lumaG) + float64(db*lumaB)
}
