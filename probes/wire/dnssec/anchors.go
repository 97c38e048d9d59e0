package dnssec

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/miekg/dns"
)

// Anchors are the keys that are trusted without proof, by zone.
type Anchors map[string][]*dns.DS

// rootAnchors are the key signing keys of the root: that of 2017 and that of
// 2024, which follows it (IANA, root-anchors.xml).
const rootAnchors = `
. IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D
. IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16
`

// Root returns the anchors of the public root.
func Root() (Anchors, error) { return ReadAnchors(strings.NewReader(rootAnchors)) }

// ReadAnchors reads DS and DNSKEY records in the form of a zone file.
func ReadAnchors(from io.Reader) (Anchors, error) {
	anchors := Anchors{}
	parser := dns.NewZoneParser(from, ".", "")
	parser.SetDefaultTTL(0)
	for record, ok := parser.Next(); ok; record, ok = parser.Next() {
		zone := dns.CanonicalName(record.Header().Name)
		switch record := record.(type) {
		case *dns.DS:
			anchors[zone] = append(anchors[zone], record)
		case *dns.DNSKEY:
			digest := record.ToDS(dns.SHA256)
			if digest == nil {
				return nil, fmt.Errorf("trust anchor of %s is no key", zone)
			}
			anchors[zone] = append(anchors[zone], digest)
		default:
			return nil, fmt.Errorf("trust anchor of %s is a %s record, not DS or DNSKEY", zone, dns.TypeToString[record.Header().Rrtype])
		}
	}
	if err := parser.Err(); err != nil {
		return nil, fmt.Errorf("read trust anchors: %w", err)
	}
	if len(anchors) == 0 {
		return nil, errors.New("read trust anchors: there are none")
	}
	return anchors, nil
}

// above returns the zone of the lowest anchor that is at or above name.
func (a Anchors) above(name string) (string, bool) {
	for zone := name; ; zone = parent(zone) {
		if len(a[zone]) > 0 {
			return zone, true
		}
		if zone == "." {
			return "", false
		}
	}
}
