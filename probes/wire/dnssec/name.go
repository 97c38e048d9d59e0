package dnssec

import (
	"bytes"
	"slices"

	"github.com/miekg/dns"
)

// parent is the name one label up; that of the root is the root.
func parent(name string) string {
	next, end := dns.NextLabel(name, 0)
	if end || name == "." {
		return "."
	}
	return name[next:]
}

// below lists the names under zone down to name, the shortest first.
func below(zone, name string) []string {
	var names []string
	for name != zone && name != "." {
		names = append(names, name)
		name = parent(name)
	}
	slices.Reverse(names)
	return names
}

// wire are the labels of a name as octets, in lower case, from the root down.
func wire(name string) [][]byte {
	buffer := make([]byte, 256)
	length, err := dns.PackDomainName(dns.CanonicalName(name), buffer, 0, nil, false)
	if err != nil {
		return nil
	}
	var labels [][]byte
	for at := 0; at < length && buffer[at] != 0; at += int(buffer[at]) + 1 {
		labels = append(labels, buffer[at+1:at+1+int(buffer[at])])
	}
	slices.Reverse(labels)
	return labels
}

// compare orders names as RFC 4034, section 6.1, does.
func compare(a, b string) int {
	return slices.CompareFunc(wire(a), wire(b), bytes.Compare)
}

// shared is the longest name that is above or equal to both.
func shared(a, b string) string {
	count := dns.CompareDomainName(a, b)
	for dns.CountLabel(a) > count {
		a = parent(a)
	}
	return a
}
