package dnssec

import (
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/miekg/dns"
)

// Policy says which algorithms a chain may rest on.
type Policy struct {
	// Algorithms by number.
	Algorithms []uint8
	// RSABits is the least size of an RSA key.
	RSABits int
}

// DefaultPolicy is what RFC 8624 recommends to sign with, as far as it can be
// verified here; SHA-1 is not in it (RFC 9905). 1024 bits are still usual for
// the short-lived keys of large zones.
func DefaultPolicy() Policy {
	return Policy{
		Algorithms: []uint8{dns.RSASHA256, dns.RSASHA512, dns.ECDSAP256SHA256, dns.ECDSAP384SHA384, dns.ED25519},
		RSABits:    1024,
	}
}

// judge notes the keys of a zone that are weaker than the policy, and digests
// where no better one stands beside them.
func (p Policy) judge(zone string, keys []*dns.DNSKEY, digests []*dns.DS, finding *Finding) {
	for _, key := range keys {
		if key.Flags&dns.ZONE == 0 {
			continue
		}
		if !slices.Contains(p.Algorithms, key.Algorithm) {
			finding.Weak = append(finding.Weak, fmt.Sprintf("key %d of %s is for %s", key.KeyTag(), zone, dns.AlgorithmToString[key.Algorithm]))
		}
		if bits := rsaBits(key); bits > 0 && bits < p.RSABits {
			finding.Weak = append(finding.Weak, fmt.Sprintf("key %d of %s has %d bits, fewer than %d", key.KeyTag(), zone, bits, p.RSABits))
		}
	}
	if !slices.ContainsFunc(digests, func(d *dns.DS) bool { return d.DigestType != dns.SHA1 }) {
		finding.Weak = append(finding.Weak, fmt.Sprintf("the DS of %s is a SHA-1 digest", zone))
	}
}

// rsaBits is the size of an RSA key (RFC 3110, section 2), 0 for others.
func rsaBits(key *dns.DNSKEY) int {
	switch key.Algorithm {
	case dns.RSAMD5, dns.RSASHA1, dns.RSASHA1NSEC3SHA1, dns.RSASHA256, dns.RSASHA512:
	default:
		return 0
	}
	raw, err := base64.StdEncoding.DecodeString(key.PublicKey)
	if err != nil || len(raw) < 3 {
		return 0
	}
	start := 1 + int(raw[0])
	if raw[0] == 0 {
		start = 3 + int(raw[1])<<8 + int(raw[2])
	}
	for start < len(raw) && raw[start] == 0 {
		start++
	}
	return max(len(raw)-start, 0) * 8
}
