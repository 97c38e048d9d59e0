package dnssec

import (
	"slices"

	"github.com/miekg/dns"
)

// denial are the verified NSEC or NSEC3 records of one zone that came with an
// answer.
type denial struct {
	zone  string
	nsec  []*dns.NSEC
	nsec3 []*dns.NSEC3
}

// mostIterations of NSEC3 that are computed; zones with more count as insecure
// (RFC 9276, section 3.2).
const mostIterations = 100

// absence is what a denial proves of a name that exists or not.
type absence struct {
	// types that the name has; nil where it has no records of its own.
	types []uint16
	// optOut is true where unsigned delegations may hide in the gap.
	optOut bool
}

func (a absence) has(kind uint16) bool { return slices.Contains(a.types, kind) }

// isDelegation reports whether the name is a cut, seen from above.
func (a absence) isDelegation() bool { return a.has(dns.TypeNS) && !a.has(dns.TypeSOA) }

// noData proves that name has no records of kind, and says what it has.
func (d denial) noData(name string, kind uint16) (absence, error) {
	if len(d.nsec3) > 0 {
		return d.noData3(name, kind)
	}
	for _, record := range d.nsec {
		if dns.CanonicalName(record.Hdr.Name) == name {
			return checkTypes(name, record.TypeBitMap, kind, d.zone)
		}
		if covers(record, name) && dns.IsSubDomain(name, dns.CanonicalName(record.NextDomain)) {
			return absence{}, nil // only names below it exist (RFC 4035, section 5.4)
		}
	}
	encloser, err := d.covered(name)
	if err != nil {
		return absence{}, bogusf("nothing proves that %s has no %s", name, dns.TypeToString[kind])
	}
	wildcard := "*." + trimRoot(encloser)
	for _, record := range d.nsec {
		if dns.CanonicalName(record.Hdr.Name) == wildcard {
			_, err := checkTypes(wildcard, record.TypeBitMap, kind, d.zone)
			return absence{}, err
		}
	}
	return absence{}, bogusf("nothing proves that %s has no %s", name, dns.TypeToString[kind])
}

// checkTypes refuses a proof that says the opposite.
func checkTypes(name string, types []uint16, kind uint16, zone string) (absence, error) {
	found := absence{types: types}
	switch {
	case found.has(kind):
		return absence{}, bogusf("the proof itself says that %s has %s records, but none were sent", name, dns.TypeToString[kind])
	case found.has(dns.TypeCNAME) && kind != dns.TypeCNAME:
		return absence{}, bogusf("the proof itself says that %s is an alias, but none was sent", name)
	case kind == dns.TypeDS && found.has(dns.TypeSOA) && name != ".":
		return absence{}, bogusf("the proof that %s has no DS is from %s itself, not from the zone above", name, name)
	case kind != dns.TypeDS && found.isDelegation() && name != zone:
		// RFC 6840, section 4.1: above a cut, only DS can be denied.
		return absence{}, bogusf("the proof for %s is from above its delegation", name)
	}
	return found, nil
}

// nameError proves that name does not exist, and no wildcard stands for it.
func (d denial) nameError(name string) error {
	if len(d.nsec3) > 0 {
		return d.nameError3(name)
	}
	encloser, err := d.covered(name)
	if err != nil {
		return err
	}
	if _, err := d.covered("*." + trimRoot(encloser)); err != nil {
		return bogusf("nothing proves that no wildcard stands for %s", name)
	}
	return nil
}

// covered finds the gap that name would be in, and returns the closest name
// above it that exists.
func (d denial) covered(name string) (encloser string, err error) {
	for _, record := range d.nsec {
		if !covers(record, name) || d.cutsOff(record, name) {
			continue
		}
		next := dns.CanonicalName(record.NextDomain)
		left, right := shared(name, dns.CanonicalName(record.Hdr.Name)), shared(name, next)
		if dns.CountLabel(left) > dns.CountLabel(right) {
			return left, nil
		}
		return right, nil
	}
	return "", bogusf("nothing proves that %s does not exist", name)
}

// cutsOff reports whether the record is of a delegation or DNAME above name:
// such a one says nothing of what is below (RFC 6840, section 4.1).
func (d denial) cutsOff(record *dns.NSEC, name string) bool {
	owner := dns.CanonicalName(record.Hdr.Name)
	found := absence{types: record.TypeBitMap}
	return owner != name && dns.IsSubDomain(owner, name) && (found.isDelegation() || found.has(dns.TypeDNAME))
}

// covers reports whether name is in the gap after the owner of record.
func covers(record *dns.NSEC, name string) bool {
	owner, next := record.Hdr.Name, record.NextDomain
	if compare(owner, next) >= 0 { // the last record points back to the apex
		return compare(owner, name) < 0
	}
	return compare(owner, name) < 0 && compare(name, next) < 0
}

func trimRoot(name string) string {
	if name == "." {
		return ""
	}
	return name
}
