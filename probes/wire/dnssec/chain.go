package dnssec

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// zoneOf walks from the anchor down to the zone that answers for name. Records
// of type DS belong to the zone above.
func (v *Validator) zoneOf(ctx context.Context, name string, kind uint16, finding *Finding) (*zone, error) {
	top, known := v.Anchors.above(name)
	if !known {
		return nil, &flaw{Indeterminate, fmt.Sprintf("no trust anchor is at or above %s", name)}
	}
	entered := v.enterOnce(ctx, top, v.Anchors[top], finding)
	if entered.err != nil {
		return nil, entered.err
	}
	at := entered.begins
	finding.through(at.name)
	for _, next := range below(top, name) {
		if next == name && kind == dns.TypeDS {
			break
		}
		found, known := v.cuts[next]
		if !known {
			found = v.descend(ctx, at, next, finding)
			v.cuts[next] = found
		}
		if found.err != nil {
			return nil, found.err
		}
		if found.gone {
			break
		}
		if found.begins != nil {
			at = found.begins
			finding.through(at.name)
		}
	}
	return at, nil
}

func (f *Finding) through(zone string) {
	if !slices.Contains(f.Zones, zone) {
		f.Zones = append(f.Zones, zone)
	}
}

func (v *Validator) enterOnce(ctx context.Context, name string, digests []*dns.DS, finding *Finding) cut {
	found, known := v.cuts[name]
	if !known {
		begins, err := v.enter(ctx, name, digests, finding)
		found = cut{begins: begins, err: err}
		v.cuts[name] = found
	}
	return found
}

// descend finds out whether a zone begins at name, seen from the zone above it.
func (v *Validator) descend(ctx context.Context, above *zone, name string, finding *Finding) cut {
	message, err := v.Chain(ctx, name, dns.TypeDS)
	if err != nil {
		return cut{err: err}
	}
	if set, signatures := pick(message.Answer, name, dns.TypeDS); len(set) > 0 {
		sound, err := verify(above.name, above.keys, set, signatures, v.Now())
		if err != nil {
			return cut{err: err}
		}
		finding.expires(sound.expires, set[0])
		digests := make([]*dns.DS, 0, len(set))
		for _, record := range set {
			digests = append(digests, record.(*dns.DS))
		}
		begins, err := v.enter(ctx, name, digests, finding)
		return cut{begins: begins, err: err}
	}
	if slices.ContainsFunc(message.Answer, isAlias) {
		return cut{} // an alias is no delegation; what it says is proven when it is followed
	}
	return v.undelegated(above, message, name, finding)
}

func isAlias(record dns.RR) bool {
	kind := record.Header().Rrtype
	return kind == dns.TypeCNAME || kind == dns.TypeDNAME
}

// undelegated proves that name has no DS: it does not exist, is no cut, or is
// a cut to a zone that is not signed.
func (v *Validator) undelegated(above *zone, message *dns.Msg, name string, finding *Finding) cut {
	proof, err := v.denials(above, message, finding)
	if err != nil {
		if isBogus(err) {
			err = bogusf("%s does not prove that %s has no DS: %s", above.name, name, strings.TrimPrefix(err.Error(), "bogus: "))
		}
		return cut{err: err}
	}
	if message.Rcode == dns.RcodeNameError {
		return cut{gone: true, err: proof.nameError(name)}
	}
	if message.Rcode != dns.RcodeSuccess {
		return cut{err: fmt.Errorf("answer for the DS of %s is %s", name, dns.RcodeToString[message.Rcode])}
	}
	found, err := proof.noData(name, dns.TypeDS)
	switch {
	case err != nil:
		return cut{err: err}
	case found.optOut:
		return cut{err: insecuref("%s leaves unsigned delegations such as %s out of its proofs (opt-out)", above.name, name)}
	case found.isDelegation():
		return cut{err: insecuref("%s has no DS for %s: the zone is not signed, or its parent was not told", above.name, name)}
	}
	return cut{}
}

// enter proves the keys of a zone by the digests its parent, or the anchor, has
// of them (RFC 4035, section 5.2).
func (v *Validator) enter(ctx context.Context, name string, digests []*dns.DS, finding *Finding) (*zone, error) {
	digests = slices.DeleteFunc(slices.Clone(digests), func(d *dns.DS) bool {
		return !supported(d.Algorithm) || !supportedDigest(d.DigestType)
	})
	if len(digests) == 0 {
		return nil, insecuref("%s is signed by algorithms that are not known here", name)
	}
	message, err := v.Chain(ctx, name, dns.TypeDNSKEY)
	if err != nil {
		return nil, err
	}
	set, signatures := pick(message.Answer, name, dns.TypeDNSKEY)
	if len(set) == 0 {
		return nil, bogusf("%s should be signed (it has a DS or anchor) and has no DNSKEY", name)
	}
	keys := make([]*dns.DNSKEY, 0, len(set))
	for _, record := range set {
		keys = append(keys, record.(*dns.DNSKEY))
	}
	matched := v.matching(keys, digests)
	if len(matched) == 0 {
		return nil, bogusf("no key of %s matches its DS (%s); its keys are %s", name, tags(digests), keyTags(keys))
	}
	sound, err := verify(name, matched, set, signatures, v.Now())
	if err != nil {
		return nil, err
	}
	finding.expires(sound.expires, set[0])
	v.Policy.judge(name, keys, digests, finding)
	return &zone{name: name, keys: keys}, nil
}

// matching are the keys that a digest is of.
func (v *Validator) matching(keys []*dns.DNSKEY, digests []*dns.DS) (matched []*dns.DNSKEY) {
	for _, key := range keys {
		for _, digest := range digests {
			if !usable(key) || key.KeyTag() != digest.KeyTag || key.Algorithm != digest.Algorithm {
				continue
			}
			if own := key.ToDS(digest.DigestType); own != nil && strings.EqualFold(own.Digest, digest.Digest) {
				matched = append(matched, key)
				break
			}
		}
	}
	return matched
}

func tags(digests []*dns.DS) string {
	var names []string
	for _, digest := range digests {
		names = append(names, fmt.Sprint(digest.KeyTag))
	}
	return strings.Join(names, ", ")
}

func keyTags(keys []*dns.DNSKEY) string {
	var names []string
	for _, key := range keys {
		names = append(names, fmt.Sprint(key.KeyTag()))
	}
	return strings.Join(names, ", ")
}
