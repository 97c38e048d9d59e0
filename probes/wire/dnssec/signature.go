package dnssec

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// proven is an RRset whose signature holds.
type proven struct {
	// labels of the name that was signed: fewer than the owner has where a
	// wildcard was expanded.
	labels int
	// expires is when the last of its good signatures does.
	expires time.Time
}

// pick takes the RRset of owner and kind out of records, and its signatures.
func pick(records []dns.RR, owner string, kind uint16) (set []dns.RR, signatures []*dns.RRSIG) {
	for _, record := range records {
		header := record.Header()
		if dns.CanonicalName(header.Name) != owner || header.Class != dns.ClassINET {
			continue
		}
		if signature, ok := record.(*dns.RRSIG); ok && signature.TypeCovered == kind {
			signatures = append(signatures, signature)
		}
		if header.Rrtype == kind {
			set = append(set, record)
		}
	}
	return set, signatures
}

// Supported are the algorithms that can be verified here. Others make a zone
// insecure, not bogus (RFC 4035, section 5.2).
func Supported() []uint8 {
	return []uint8{
		dns.RSASHA1, dns.RSASHA1NSEC3SHA1, dns.RSASHA256, dns.RSASHA512, dns.ECDSAP256SHA256, dns.ECDSAP384SHA384, dns.ED25519,
	}
}

func supported(algorithm uint8) bool { return slices.Contains(Supported(), algorithm) }

func supportedDigest(digest uint8) bool {
	return digest == dns.SHA1 || digest == dns.SHA256 || digest == dns.SHA384
}

// usable reports whether a key may sign a zone (RFC 4034, section 2.1; RFC 5011,
// section 2.1).
func usable(key *dns.DNSKEY) bool {
	return key.Flags&dns.ZONE != 0 && key.Flags&dns.REVOKE == 0 && key.Protocol == 3 && supported(key.Algorithm)
}

// verify finds a signature of the zone that holds over the set. One is enough
// (RFC 4035, section 5.3.3), so that a rollover of keys may be under way.
func verify(zone string, keys []*dns.DNSKEY, set []dns.RR, signatures []*dns.RRSIG, now time.Time) (proven, error) {
	what := fmt.Sprintf("%s %s", set[0].Header().Name, dns.TypeToString[set[0].Header().Rrtype])
	if len(signatures) == 0 {
		return proven{}, bogusf("%s has no signature, though its zone %s is signed", what, zone)
	}
	var best proven
	var problems []string
	for _, signature := range signatures {
		labels, err := verifyOne(zone, keys, set, signature, now)
		if err != nil {
			problems = append(problems, err.Error())
			continue
		}
		if ends := expiry(signature, now); ends.After(best.expires) {
			best = proven{labels, ends}
		}
	}
	if best.expires.IsZero() {
		return proven{}, bogusf("no signature over %s holds: %s", what, strings.Join(problems, "; "))
	}
	return best, nil
}

func verifyOne(zone string, keys []*dns.DNSKEY, set []dns.RR, signature *dns.RRSIG, now time.Time) (labels int, err error) {
	if dns.CanonicalName(signature.SignerName) != zone {
		return 0, fmt.Errorf("it is by %s, not by the zone %s", signature.SignerName, zone)
	}
	if int(signature.Labels) > dns.CountLabel(set[0].Header().Name) {
		return 0, errors.New("it has more labels than the name it is over")
	}
	if !signature.ValidityPeriod(now) {
		return 0, outsideValidity(signature, now)
	}
	err = fmt.Errorf("the zone has no key %d of algorithm %d", signature.KeyTag, signature.Algorithm)
	for _, key := range keys {
		if !usable(key) || key.KeyTag() != signature.KeyTag || key.Algorithm != signature.Algorithm {
			continue
		}
		if err = signature.Verify(key, set); err == nil {
			return int(signature.Labels), nil
		}
		err = fmt.Errorf("key %d did not make it (%w)", signature.KeyTag, err)
	}
	return 0, err
}

func outsideValidity(signature *dns.RRSIG, now time.Time) error {
	if ends := expiry(signature, now); ends.Before(now) {
		return fmt.Errorf("it expired at %s", ends.Format(time.RFC3339))
	}
	return fmt.Errorf("it is not valid before %s", nearest(signature.Inception, now).Format(time.RFC3339))
}

func expiry(signature *dns.RRSIG, now time.Time) time.Time { return nearest(signature.Expiration, now) }

// nearest reads the 32 bits of a time as the one nearest to now (RFC 4034,
// section 3.1.5).
func nearest(stamp uint32, now time.Time) time.Time {
	ahead := int32(stamp - uint32(now.Unix()))
	return now.Add(time.Duration(ahead) * time.Second).Truncate(time.Second).UTC()
}
