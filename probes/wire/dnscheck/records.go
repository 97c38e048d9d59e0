package dnscheck

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// value is the data of a record as one text that can be compared.
func value(record dns.RR) string {
	if text, ok := record.(*dns.TXT); ok {
		return strings.Join(text.Txt, "")
	}
	data := strings.TrimPrefix(record.String(), record.Header().String())
	switch record.(type) {
	case *dns.CNAME, *dns.NS, *dns.PTR, *dns.MX, *dns.SOA, *dns.SRV, *dns.DNAME, *dns.DS:
		// Names and digests have no case; other data may.
		data = strings.ToLower(data)
	}
	return strings.Join(strings.Fields(data), " ")
}

// canonical is the value that a plan means.
func canonical(kind uint16, text string) (string, error) {
	if kind == dns.TypeTXT {
		return text, nil
	}
	record, err := dns.NewRR(fmt.Sprintf(". 1 IN %s %s", dns.TypeToString[kind], text))
	if err != nil || record == nil {
		return "", fmt.Errorf("read value %q: %w", text, err)
	}
	return value(record), nil
}

// judge returns what is wrong with an answer; final is the name at the end of
// its aliases.
func (r *Record) judge(answer *dns.Msg, authoritative bool) []string {
	var values []string
	var wrong []string
	least, most := uint32(0), uint32(0)
	for _, record := range follow(answer.Answer, r.Name, dns.StringToType[r.Type]) {
		values = append(values, value(record))
		ttl := record.Header().Ttl
		if len(values) == 1 || ttl < least {
			least = ttl
		}
		most = max(most, ttl)
	}
	what := r.Name + " " + r.Type
	switch {
	case r.Absent && len(values) > 0:
		return []string{fmt.Sprintf("%s is %s and must not be there", what, list(values))}
	case r.Absent:
		return nil
	case len(values) == 0 && answer.Rcode == dns.RcodeNameError:
		return []string{what + " is missing: the name does not exist"}
	case len(values) == 0:
		return []string{what + " is missing"}
	case len(values) < r.MinCount:
		wrong = append(wrong, fmt.Sprintf("%s has %d values (%s), fewer than %d", what, len(values), list(values), r.MinCount))
	}
	for _, want := range r.Contains {
		if !slices.Contains(values, want) {
			wrong = append(wrong, fmt.Sprintf("%s lacks %q; it is %s", what, want, list(values)))
		}
	}
	if r.Equals != nil && !same(values, r.Equals) {
		wrong = append(wrong, fmt.Sprintf("%s is %s, expected %s", what, list(values), list(r.Equals)))
	}
	if r.MaxTTL > 0 && seconds(most) > r.MaxTTL {
		wrong = append(wrong, fmt.Sprintf("%s may be kept %s, longer than %s", what, seconds(most), r.MaxTTL))
	}
	if r.MinTTL > 0 && authoritative && seconds(least) < r.MinTTL {
		wrong = append(wrong, fmt.Sprintf("%s may be kept %s, shorter than %s", what, seconds(least), r.MinTTL))
	}
	return wrong
}

// follow collects the records of kind at name, or at the end of its aliases.
func follow(records []dns.RR, name string, kind uint16) (found []dns.RR) {
	for range len(records) + 1 {
		next := ""
		for _, record := range records {
			if dns.CanonicalName(record.Header().Name) != name {
				continue
			}
			if record.Header().Rrtype == kind {
				found = append(found, record)
			}
			if alias, ok := record.(*dns.CNAME); ok {
				next = dns.CanonicalName(alias.Target)
			}
		}
		if len(found) > 0 || next == "" {
			return found
		}
		name = next
	}
	return found
}

func same(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

func list(values []string) string {
	if len(values) == 0 {
		return "nothing"
	}
	return strings.Join(slices.Sorted(slices.Values(values)), ", ")
}

func seconds(ttl uint32) time.Duration { return time.Duration(ttl) * time.Second }
