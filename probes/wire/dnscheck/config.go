package dnscheck

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"tocsin/internal/strictyaml"
	"tocsin/probes/wire/dnssec"
)

// Config of a DNS check, as it stands in a plan file.
type Config struct {
	// Servers to ask, each of them: host or host:port. Default those of
	// /etc/resolv.conf.
	Servers []string `yaml:"servers"`
	// Authoritative servers are asked about their own zones, without recursion,
	// and must answer with authority.
	Authoritative bool     `yaml:"authoritative"`
	Records       []Record `yaml:"records"`
	// Zone whose authoritative servers must all have the same serial: Servers
	// where they are authoritative, and else those its NS records name.
	Zone string `yaml:"zone"`
	// Settle is how long the servers of the zone may take to agree. Default 3 s.
	Settle time.Duration `yaml:"settle"`
	// DNSSEC that is demanded of every answer; without it, none is.
	DNSSEC *DNSSEC `yaml:"dnssec"`
}

// Record is what one name must have.
type Record struct {
	Name string `yaml:"name"`
	Type string `yaml:"type"`
	// Equals are all values, in any order; Contains are some of them. Of TXT
	// records they are the text, of others what a zone file has.
	Equals   []string `yaml:"equals"`
	Contains []string `yaml:"contains"`
	// MinCount is how many values there must be. Default 1.
	MinCount int `yaml:"min_count"`
	// MaxTTL and MinTTL bound how long others may keep the answer. A resolver
	// counts down, so a least time is only told by authoritative servers.
	MaxTTL time.Duration `yaml:"max_ttl"`
	MinTTL time.Duration `yaml:"min_ttl"`
	// Absent demands that there are none.
	Absent bool `yaml:"absent"`
}

// DNSSEC is what is demanded of signatures.
type DNSSEC struct {
	// Require is secure, or insecure for a zone that is known to be unsigned.
	Require string `yaml:"require"`
	// AnchorsFile has DS or DNSKEY records, for zones below no public root.
	// Default the keys of the root.
	AnchorsFile string `yaml:"anchors_file"`
	// ExpireIn fails the check when a signature expires sooner. Default 24 h.
	ExpireIn time.Duration `yaml:"expire_in"`
	// Algorithms that the chain may rest on, by name. Default all but those
	// with SHA-1.
	Algorithms []string `yaml:"algorithms"`
	// RSABits is the least size of an RSA key. Default 1024.
	RSABits int `yaml:"rsa_bits"`
	// Resolvers are asked for the keys of the zones above where Servers are
	// authoritative and do not know them.
	Resolvers []string `yaml:"resolvers"`
}

// Resolve makes paths start at folder.
func (c *Config) Resolve(folder string) {
	if c.DNSSEC != nil && c.DNSSEC.AnchorsFile != "" && !filepath.IsAbs(c.DNSSEC.AnchorsFile) {
		c.DNSSEC.AnchorsFile = filepath.Join(folder, c.DNSSEC.AnchorsFile)
	}
}

// Check fills defaults in and reports what is wrong.
func (c *Config) Check(report strictyaml.Report) {
	if c.Settle == 0 {
		c.Settle = 3 * time.Second
	}
	checkServers("servers", c.Servers, report)
	if c.Authoritative && len(c.Servers) == 0 {
		report("servers", "is missing", "name the authoritative servers")
	}
	if len(c.Records) == 0 && c.Zone == "" {
		report("records", "is missing, and so is zone: there is nothing to check", "write records: [{name: id.example.org, type: A}]")
	}
	for i := range c.Records {
		c.Records[i].check(fmt.Sprintf("records[%d]", i), report)
	}
	if c.Zone != "" {
		c.Zone = checkName("zone", c.Zone, report)
	}
	if c.DNSSEC != nil {
		c.DNSSEC.check(report)
	}
}

func checkServers(key string, servers []string, report strictyaml.Report) {
	for i, server := range servers {
		host, port, err := net.SplitHostPort(server)
		if err != nil {
			host, port = strings.Trim(server, "[]"), "53"
		}
		number, err := strconv.ParseUint(port, 10, 16)
		if host == "" || strings.ContainsAny(host, "/ ") || err != nil || number == 0 {
			report(fmt.Sprintf("%s[%d]", key, i), fmt.Sprintf("%q is no server", server), "write a name or address, with a port if it is not 53")
			continue
		}
		servers[i] = net.JoinHostPort(host, port)
	}
}

func checkName(key, name string, report strictyaml.Report) string {
	if _, ok := dns.IsDomainName(name); !ok || name == "" {
		report(key, fmt.Sprintf("%q is no domain name", name), "")
	}
	return dns.CanonicalName(name)
}

func (r *Record) check(key string, report strictyaml.Report) {
	r.Name = checkName(key+".name", r.Name, report)
	r.Type = strings.ToUpper(r.Type)
	kind, known := dns.StringToType[r.Type]
	if !known || kind == dns.TypeANY || kind == dns.TypeNone {
		report(key+".type", fmt.Sprintf("%q is no type of record", r.Type), "write one such as A, AAAA, CNAME, MX, TXT, CAA, SOA or NS")
		return
	}
	if r.Absent && (len(r.Equals) > 0 || len(r.Contains) > 0 || r.MinCount > 0 || r.MaxTTL > 0 || r.MinTTL > 0) {
		report(key+".absent", "stands beside what the records must be", "keep one of them")
	}
	// Checking what was checked before, defaults and all, must change nothing.
	if r.MinCount == 0 && !r.Absent {
		r.MinCount = 1
	}
	if r.MinCount < 0 {
		report(key+".min_count", "is negative", "")
	}
	for _, list := range []struct {
		key    string
		values []string
	}{{"equals", r.Equals}, {"contains", r.Contains}} {
		for i, value := range list.values {
			clean, err := canonical(kind, value)
			if err != nil {
				report(fmt.Sprintf("%s.%s[%d]", key, list.key, i), fmt.Sprintf("%q is no value of a %s record", value, r.Type), "write it as a zone file has it")
				continue
			}
			list.values[i] = clean
		}
	}
}

// The values of Require.
const (
	requireSecure   = string(dnssec.Secure)
	requireInsecure = string(dnssec.Insecure)
)

func (d *DNSSEC) check(report strictyaml.Report) {
	if d.Require == "" {
		d.Require = requireSecure
	}
	if d.Require != requireSecure && d.Require != requireInsecure {
		report("dnssec.require", fmt.Sprintf("unknown value %q", d.Require), "write secure, or insecure for a zone that is not signed")
	}
	if d.ExpireIn == 0 {
		d.ExpireIn = 24 * time.Hour
	}
	if d.ExpireIn < 0 {
		report("dnssec.expire_in", "is negative", "write a time such as 72h")
	}
	if d.AnchorsFile != "" {
		if _, err := readAnchors(d.AnchorsFile); err != nil {
			report("dnssec.anchors_file", err.Error(), "it needs DS or DNSKEY records, as a zone file has them")
		}
	}
	var known []string
	for _, number := range dnssec.Supported() {
		known = append(known, dns.AlgorithmToString[number])
	}
	for i, name := range d.Algorithms {
		if slices.Contains(known, name) {
			continue
		}
		hint := "choose from " + strings.Join(known, ", ")
		if near := strictyaml.Nearest(name, known); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		report(fmt.Sprintf("dnssec.algorithms[%d]", i), fmt.Sprintf("%q is no algorithm that can be verified", name), hint)
	}
	checkServers("dnssec.resolvers", d.Resolvers, report)
}

func readAnchors(path string) (anchors dnssec.Anchors, err error) {
	if path == "" {
		return dnssec.Root()
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open trust anchors: %w", err)
	}
	anchors, err = dnssec.ReadAnchors(file)
	if closeErr := file.Close(); err == nil && closeErr != nil {
		return nil, fmt.Errorf("close trust anchors: %w", closeErr)
	}
	return anchors, err
}

func (d *DNSSEC) policy() dnssec.Policy {
	policy := dnssec.DefaultPolicy()
	if d.RSABits > 0 {
		policy.RSABits = d.RSABits
	}
	if len(d.Algorithms) > 0 {
		policy.Algorithms = nil
		for _, name := range d.Algorithms {
			policy.Algorithms = append(policy.Algorithms, dns.StringToAlgorithm[name])
		}
	}
	return policy
}
