package dnssec

import "github.com/miekg/dns"

// noData3 is noData by NSEC3 (RFC 5155, sections 8.5 to 8.7).
func (d denial) noData3(name string, kind uint16) (absence, error) {
	if match := d.match(name); match != nil {
		return checkTypes(name, match.TypeBitMap, kind, d.zone)
	}
	encloser, gap, err := d.closest(name)
	if err != nil {
		return absence{}, err
	}
	if kind == dns.TypeDS && gap.Flags&1 != 0 {
		return absence{optOut: true}, nil
	}
	match := d.match("*." + trimRoot(encloser))
	if match == nil {
		return absence{}, bogusf("nothing proves that %s has no %s", name, dns.TypeToString[kind])
	}
	_, err = checkTypes("*."+trimRoot(encloser), match.TypeBitMap, kind, d.zone)
	return absence{}, err
}

// nameError3 is nameError by NSEC3 (RFC 5155, section 8.4).
func (d denial) nameError3(name string) error {
	encloser, _, err := d.closest(name)
	if err != nil {
		return err
	}
	if d.cover("*."+trimRoot(encloser)) == nil {
		return bogusf("nothing proves that no wildcard stands for %s", name)
	}
	return nil
}

// closest finds the closest name above name that exists, and the gap that the
// next closer name is in (RFC 5155, section 8.3).
func (d denial) closest(name string) (encloser string, gap *dns.NSEC3, err error) {
	next := name
	for encloser := parent(name); dns.IsSubDomain(d.zone, encloser); encloser = parent(encloser) {
		if match := d.match(encloser); match != nil {
			found := absence{types: match.TypeBitMap}
			if encloser != d.zone && (found.isDelegation() || found.has(dns.TypeDNAME)) {
				return "", nil, bogusf("the proof for %s is from above the delegation of %s", name, encloser)
			}
			if gap := d.cover(next); gap != nil {
				return encloser, gap, nil
			}
			return "", nil, bogusf("nothing proves that %s does not exist", next)
		}
		if encloser == "." {
			break
		}
		next = encloser
	}
	return "", nil, bogusf("nothing proves that %s does not exist", name)
}

func (d denial) match(name string) *dns.NSEC3 {
	for _, record := range d.nsec3 {
		if record.Match(name) {
			return record
		}
	}
	return nil
}

// cover finds the gap that name is in. The record of the name itself is none:
// Cover alone would take it for one.
func (d denial) cover(name string) *dns.NSEC3 {
	for _, record := range d.nsec3 {
		if record.Cover(name) && !record.Match(name) {
			return record
		}
	}
	return nil
}
