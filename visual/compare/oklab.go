package compare

import "math"

// oklabAlike reports whether the distance of two packed pixels at position i is
// within limit, where 1 is that of black from white. It is the HyAB distance
// (Abasi, Amani Tehran and Fairchild, "Distance metrics for very large color
// differences", 2020) in OKLab (Ottosson, "A perceptual color space for image
// processing", 2020) with his lightness of 2021, which has a toe near black.
func oklabAlike(a, b uint32, i int, limit float64) bool {
	var first, second lms
	if a&b >= opaque {
		first, second = opaqueLMS(a), opaqueLMS(b)
	} else {
		ground := background(i)
		first, second = blendedLMS(a, ground), blendedLMS(b, ground)
	}
	rest := limit - math.Abs(first.lightness()-second.lightness())
	if rest < 0 {
		return false
	}
	dl, dm, ds := first.l-second.l, first.m-second.m, first.s-second.s
	da := 1.9779984951*dl - 2.4285922050*dm + 0.4505937099*ds
	db := 0.0259040371*dl + 0.7827717662*dm - 0.8086757660*ds
	return da*da+db*db <= rest*rest
}

// lms are the responses of the three cones of an eye, as cube roots.
type lms struct{ l, m, s float64 }

// respond is for the three channels in linear light, 0 to 1.
func respond(r, g, b float64) lms {
	return lms{
		math.Cbrt(0.4122214708*r + 0.5363325363*g + 0.0514459929*b),
		math.Cbrt(0.2119034982*r + 0.6806995451*g + 0.1073969566*b),
		math.Cbrt(0.0883024619*r + 0.2817188376*g + 0.6299787005*b),
	}
}

// lightness is 0 for black and 1 for white.
func (c lms) lightness() float64 {
	const k1, k2 = 0.206, 0.03
	const k3 = (1 + k1) / (1 + k2)
	plain := 0.2104542553*c.l + 0.7936177850*c.m - 0.0040720468*c.s
	x := k3*plain - k1
	return 0.5 * (x + math.Sqrt(x*x+4*k2*k3*plain))
}

func opaqueLMS(p uint32) lms {
	return respond(linear[p&255], linear[p>>8&255], linear[p>>16&255])
}

// blendedLMS is for a pixel that is laid over a background.
func blendedLMS(p uint32, ground [3]int) lms {
	r, g, b, alpha := unpack(p)
	over := func(channel, below int) float64 {
		return linearAt(float64(channel*alpha+below*(255-alpha)) / 255)
	}
	return respond(over(r, ground[0]), over(g, ground[1]), over(b, ground[2]))
}

// background is dark or light in each channel, by chance but always the same at
// position i: two colours that look alike over one ground do not over another.
func background(i int) (ground [3]int) {
	hash := uint32(i) * 0x9e3779b1 // Fibonacci hashing
	for channel := range ground {
		ground[channel] = 48 + 159*int(hash>>(31-channel)&1)
	}
	return ground
}

// linear is the light of each value of an sRGB channel, 0 to 1 (IEC 61966-2-1),
// and once more that of the last.
var linear = func() (table [257]float64) {
	for i := range table {
		value := float64(min(i, 255)) / 255
		if value <= 0.04045 {
			table[i] = value / 12.92
		} else {
			table[i] = math.Pow((value+0.055)/1.055, 2.4)
		}
	}
	return table
}()

// linearAt is linear between two values of a channel, 0 to 255.
func linearAt(value float64) float64 {
	whole := int(value)
	return linear[whole] + (linear[whole+1]-linear[whole])*(value-float64(whole))
}

// lumaDeltaOverWhite is lumaDelta for two pixels that are not both opaque. When
// only their alpha differs, that is the slope.
func lumaDeltaOverWhite(a, b uint32) float64 {
	r1, g1, b1, a1 := unpack(a)
	r2, g2, b2, a2 := unpack(b)
	da := a1 - a2
	dr := float64(r1*a1-r2*a2-255*da) / 255
	dg := float64(g1*a1-g2*a2-255*da) / 255
	db := float64(b1*a1-b2*a2-255*da) / 255
	if delta := float64(dr*lumaR) + float64(dg*lumaG) + float64(db*lumaB); delta != 0 {
		return delta
	}
	return float64(da) / 2
}
