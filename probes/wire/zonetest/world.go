package zonetest

import (
	"fmt"
	"strings"
	"testing"
)

// World is a root of our own with zones below it, as broken as zones can be.
type World struct {
	Server
	// Anchors is a zone file with the keys of the root.
	Anchors string
	// RootDS are the same keys as the words of a DS record.
	RootDS []string
}

// records that every zone of the world has.
func records() []string {
	return []string{
		"www IN A 192.0.2.1", "www IN A 192.0.2.2", "www IN AAAA 2001:db8::1", `www IN TXT "hello world"`,
		"@ IN MX 10 mail", "@ IN CAA 0 issue \"ca.example\"", "mail IN A 192.0.2.3",
		"alias IN CNAME www", "away IN CNAME www.nsec3.", "dangling IN CNAME nothing", "*.wild IN A 192.0.2.9",
		"deep.empty.below IN A 192.0.2.4", "old IN DNAME new", "x.new IN A 192.0.2.5",
	}
}

// Zones of the world below its root.
func Zones() []Zone {
	return []Zone{
		{Name: "good."},
		{Name: "sub.good."},
		{Name: "ed25519.", Algorithm: "ED25519"},
		{Name: "rsa.", Algorithm: "RSASHA256"},
		{Name: "sha1.", Algorithm: "RSASHA1"},
		{Name: "nsec3.", Sign: []string{"-n", "-t", "0"}},
		{Name: "salted.", Sign: []string{"-n", "-t", "10", "-s", "beef"}},
		{Name: "tired.", Sign: []string{"-n", "-t", "400", "-s", "beef"}},
		{Name: "optout.", Sign: []string{"-n", "-p", "-t", "0"}},
		{Name: "unsigned.optout.", Algorithm: "none"},
		{Name: "unsigned.", Algorithm: "none"},
		{Name: "rollover.", SecondKeys: true},
		{Name: "standby.", Delegation: func(ds []string) []string {
			return append(ds, "standby. IN DS 4711 13 2 "+strings.Repeat("AB", 32))
		}},
		{Name: "nods.", Delegation: func([]string) []string { return nil }},
		{Name: "wrongds.", Delegation: func(ds []string) []string { return []string{ds[0][:len(ds[0])-6] + "abcdef"} }},
		{Name: "future-algorithm.", Delegation: func([]string) []string {
			return []string{"future-algorithm. IN DS 4711 200 2 " + strings.Repeat("AB", 32)}
		}},
		{Name: "expired.", Sign: []string{"-i", "20240101000000", "-e", "20240201000000"}},
		{Name: "early.", Sign: []string{"-i", "20370101000000", "-e", "20370201000000"}},
		{Name: "broken.", Break: Corrupt("www.broken.", "RRSIG\tA ")},
		{Name: "changed.", Break: replace("192.0.2.1", "192.0.2.66")},
		{Name: "stripped.", Break: Without("www.stripped.", "RRSIG\tA ")},
		{Name: "keyless.", Break: Without("keyless.", "DNSKEY")},
		{Name: "unproven.", Break: Without("", "NSEC")},
		{Name: "unproven3.", Sign: []string{"-n", "-t", "0"}, Break: Corrupt("", "RRSIG\tNSEC3")},
	}
}

// Corrupt changes one letter in the signature of every record that begins with
// owner and has kind in it.
func Corrupt(owner, kind string) func([]string) []string {
	return func(lines []string) []string {
		for i, line := range lines {
			if strings.HasPrefix(line, owner) && strings.Contains(line, kind) {
				at := len(strings.TrimRight(line, " \n")) - 20
				letter := "A"
				if line[at] == 'A' {
					letter = "B"
				}
				lines[i] = line[:at] + letter + line[at+1:]
			}
		}
		return lines
	}
}

// Without takes out records that begin with owner and have kind in them.
func Without(owner, kind string) func([]string) []string {
	return func(lines []string) (kept []string) {
		for _, line := range lines {
			if !strings.HasPrefix(line, owner) || !strings.Contains(line, kind) {
				kept = append(kept, line)
			}
		}
		return kept
	}
}

func replace(from, to string) func([]string) []string {
	return func(lines []string) []string {
		for i := range lines {
			if strings.HasSuffix(lines[i], "\tA\t"+from) {
				lines[i] = strings.TrimSuffix(lines[i], from) + to
			}
		}
		return lines
	}
}

// NewWorld signs everything and serves it.
func NewWorld(t testing.TB) World {
	t.Helper()
	var served []Signed
	delegations := map[string][]string{}
	zones := Zones()
	// From the leaves up, because a zone holds the digests of those below it.
	for i := len(zones) - 1; i >= 0; i-- {
		zone := zones[i]
		zone.Records = append(records(), delegations[zone.Name]...)
		signed := Sign(t, zone)
		served = append(served, signed)
		above := zone.Name[strings.Index(zone.Name, ".")+1:]
		if above == "" {
			above = "."
		}
		delegations[above] = append(delegations[above], zone.Name+" IN NS ns.test.")
		delegations[above] = append(delegations[above], signed.DS...)
	}
	root := Sign(t, Zone{Name: ".", Records: append([]string{"ns.test. IN A 127.0.0.1"}, delegations["."]...)})
	world := World{Server: Serve(t, append([]Signed{root}, served...)...), Anchors: strings.Join(root.DS, "\n") + "\n"}
	for _, line := range root.DS {
		words := strings.Fields(line)
		world.RootDS = append(world.RootDS, fmt.Sprintf("%s %s %s %s", words[len(words)-4], words[len(words)-3], words[len(words)-2], words[len(words)-1]))
	}
	return world
}
