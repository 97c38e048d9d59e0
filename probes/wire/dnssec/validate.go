package dnssec

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Lookup asks a server one question with DO and CD set, and returns its answer
// whatever it says. Its error means that there is no answer.
type Lookup func(ctx context.Context, name string, kind uint16) (*dns.Msg, error)

// Validator validates answers. It keeps the zones it has proven, and is made
// for one run. It is not safe for concurrent use.
type Validator struct {
	Anchors Anchors
	// Answer asks the questions themselves, and Chain for the keys that prove
	// the answers. They differ where an authoritative server is asked, which
	// knows nothing of the zones above.
	Answer, Chain Lookup
	// Now is the clock that signatures are judged by.
	Now func() time.Time
	// Policy of algorithms and key sizes.
	Policy Policy

	cuts map[string]cut
}

// cut is what was found out about a name on the way down: the zone it begins,
// if any, or why the way ends there.
type cut struct {
	begins *zone
	gone   bool
	err    error
}

// zone is one whose keys are proven.
type zone struct {
	name string
	keys []*dns.DNSKEY
}

// mostAliases that are followed for one question.
const mostAliases = 8

// Validate asks for the records of kind at name, follows aliases, and proves
// what comes back. The error means that something could not be asked; the
// finding is then indeterminate.
func (v *Validator) Validate(ctx context.Context, name string, kind uint16) (Finding, error) {
	var finding Finding
	if v.cuts == nil {
		v.cuts = map[string]cut{}
	}
	name = dns.CanonicalName(name)
	for range mostAliases {
		next, err := v.step(ctx, name, kind, &finding)
		var found *flaw
		switch {
		case errors.As(err, &found):
			finding.Status, finding.Why = found.status, found.why
			return finding, nil
		case err != nil:
			finding.Status, finding.Why = Indeterminate, err.Error()
			return finding, err
		case next == "":
			finding.Status = Secure
			return finding, nil
		}
		name = next
	}
	finding.Status, finding.Why = Bogus, fmt.Sprintf("more than %d aliases lead away from it", mostAliases)
	return finding, nil
}

// step answers one name. It returns where an alias leads.
func (v *Validator) step(ctx context.Context, name string, kind uint16, finding *Finding) (next string, err error) {
	at, zoneErr := v.zoneOf(ctx, name, kind, finding)
	if zoneErr != nil && !isInsecure(zoneErr) {
		return "", zoneErr
	}
	message, err := v.Answer(ctx, name, kind)
	if err != nil {
		return "", err
	}
	finding.NXDomain = message.Rcode == dns.RcodeNameError
	if zoneErr != nil {
		finding.Records = unsigned(message.Answer, kind)
		return "", zoneErr
	}
	if set, signatures := pick(message.Answer, name, kind); len(set) > 0 {
		finding.Records = set
		return "", v.positive(at, message, set, signatures, finding)
	}
	// A DNAME first: the CNAME that is sent along with it is made up by the
	// server, and not signed (RFC 6672, section 5.3.1).
	for _, record := range message.Answer {
		alias, ok := record.(*dns.DNAME)
		owner := dns.CanonicalName(record.Header().Name)
		if !ok || owner == name || !dns.IsSubDomain(owner, name) {
			continue
		}
		set, signatures := pick(message.Answer, owner, dns.TypeDNAME)
		prefix := name[:len(name)-len(owner)]
		return dns.CanonicalName(prefix + trimRoot(alias.Target)), v.positive(at, message, set, signatures, finding)
	}
	if set, signatures := pick(message.Answer, name, dns.TypeCNAME); len(set) > 0 && kind != dns.TypeCNAME {
		return dns.CanonicalName(set[0].(*dns.CNAME).Target), v.positive(at, message, set, signatures, finding)
	}
	return "", v.negative(at, message, name, kind, finding)
}

func isInsecure(err error) bool {
	var found *flaw
	return errors.As(err, &found) && found.status == Insecure
}

func unsigned(records []dns.RR, kind uint16) (set []dns.RR) {
	for _, record := range records {
		if record.Header().Rrtype == kind {
			set = append(set, record)
		}
	}
	return set
}

// positive proves records that were sent.
func (v *Validator) positive(at *zone, message *dns.Msg, set []dns.RR, signatures []*dns.RRSIG, finding *Finding) error {
	sound, err := verify(at.name, at.keys, set, signatures, v.Now())
	if err != nil {
		return err
	}
	finding.expires(sound.expires, set[0])
	owner := dns.CanonicalName(set[0].Header().Name)
	if sound.labels >= dns.CountLabel(owner) || strings.HasPrefix(owner, "*.") && sound.labels == dns.CountLabel(owner)-1 {
		return nil
	}
	// A wildcard stands for a name only where the name itself does not exist
	// (RFC 4035, section 5.3.4; RFC 5155, section 8.8).
	closer := owner
	for dns.CountLabel(closer) > sound.labels+1 {
		closer = parent(closer)
	}
	proof, err := v.denials(at, message, finding)
	if err != nil {
		return err
	}
	if len(proof.nsec3) > 0 {
		if proof.cover(closer) == nil {
			return bogusf("%s was made from a wildcard, and nothing proves that it does not exist itself", owner)
		}
		return nil
	}
	_, err = proof.covered(owner)
	return err
}

// negative proves that there are no such records.
func (v *Validator) negative(at *zone, message *dns.Msg, name string, kind uint16, finding *Finding) error {
	proof, err := v.denials(at, message, finding)
	if err != nil {
		return err
	}
	switch message.Rcode {
	case dns.RcodeNameError:
		return proof.nameError(name)
	case dns.RcodeSuccess:
		_, err := proof.noData(name, kind)
		return err
	}
	return fmt.Errorf("answer for %s is %s", name, dns.RcodeToString[message.Rcode])
}

// denials verifies the NSEC and NSEC3 records that came with an answer.
func (v *Validator) denials(at *zone, message *dns.Msg, finding *Finding) (denial, error) {
	proof := denial{zone: at.name}
	seen := map[string]bool{}
	for _, record := range message.Ns {
		owner, kind := dns.CanonicalName(record.Header().Name), record.Header().Rrtype
		if kind != dns.TypeNSEC && kind != dns.TypeNSEC3 || seen[owner] || !dns.IsSubDomain(at.name, owner) {
			continue
		}
		seen[owner] = true
		set, signatures := pick(message.Ns, owner, kind)
		sound, err := verify(at.name, at.keys, set, signatures, v.Now())
		if err != nil {
			return proof, err
		}
		if sound.labels < dns.CountLabel(owner) && !strings.HasPrefix(owner, "*.") {
			return proof, bogusf("a proof at %s was made from a wildcard, and says nothing of that name", owner)
		}
		finding.expires(sound.expires, record)
		switch record := record.(type) {
		case *dns.NSEC:
			proof.nsec = append(proof.nsec, record)
		case *dns.NSEC3:
			if record.Iterations > mostIterations {
				return proof, insecuref("%s hashes names %d times, more than %d (RFC 9276)", at.name, record.Iterations, mostIterations)
			}
			if record.Hash == dns.SHA1 {
				proof.nsec3 = append(proof.nsec3, record)
			}
		}
	}
	if len(proof.nsec)+len(proof.nsec3) == 0 {
		return proof, bogusf("%s sent no proof that what was asked for does not exist", at.name)
	}
	return proof, nil
}

func (f *Finding) expires(at time.Time, record dns.RR) {
	if f.Expires.IsZero() || at.Before(f.Expires) {
		f.Expires = at
		f.ExpiresAt = record.Header().Name + " " + dns.TypeToString[record.Header().Rrtype]
	}
}
