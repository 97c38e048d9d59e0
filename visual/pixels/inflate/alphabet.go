package inflate

// alphabet is what the symbols of the two codes of a block mean, RFC 1951
// section 3.2.5.
type alphabet struct {
	literals  [288]entry
	distances [32]entry
	orders    [19]entry
}

func newAlphabet() *alphabet {
	var a alphabet
	for i := range 256 {
		a.literals[i] = pack(literal, 0, i)
	}
	a.literals[256] = end
	base := 3
	for i := range 28 {
		extra := max(0, i/4-1)
		a.literals[257+i] = pack(based, extra, base)
		base += 1 << extra
	}
	a.literals[285] = pack(based, 0, 258)
	a.literals[286], a.literals[287] = invalid, invalid
	base = 1
	for i := range maxDistances {
		extra := max(0, i/2-1)
		a.distances[i] = pack(based, extra, base)
		base += 1 << extra
	}
	a.distances[30], a.distances[31] = invalid, invalid
	for i := range a.orders {
		a.orders[i] = pack(literal, 0, i)
	}
	return &a
}

// fixedLengths are the code lengths of section 3.2.6.
func fixedLengths() (literals [288]uint8, distances [32]uint8) {
	for i := range literals {
		switch {
		case i < 144, i >= 280:
			literals[i] = 8
		case i < 256:
			literals[i] = 9
		default:
			literals[i] = 7
		}
	}
	for i := range distances {
		distances[i] = 5
	}
	return literals, distances
}

// lengthOrder is the order in which a block gives the lengths of the code for
// its code lengths, section 3.2.7.
const lengthOrder = "\x10\x11\x12\x00\x08\x07\x09\x06\x0a\x05\x0b\x04\x0c\x03\x0d\x02\x0e\x01\x0f"
