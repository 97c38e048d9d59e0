package ports

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"tocsin/internal/strictyaml"
)

// Config of a sweep, as it stands in a plan file.
type Config struct {
	// Hosts are names or addresses; every address of a name is swept.
	Hosts []string `yaml:"hosts"`
	// Open are the ports that must take a connection. All others must not.
	Open []int `yaml:"open"`
	// Range is what is swept: usual (1-1024 and services known above it), all,
	// or a list such as "1-1024, 8443". Open ports are always among it.
	Range string `yaml:"range"`
	// Ignore are ports that may be either.
	Ignore []int `yaml:"ignore"`
	// Rate is how many connections are begun in a second, over all hosts.
	// Default 200.
	Rate int `yaml:"rate"`
	// Concurrency is how many are under way at once. Default 64.
	Concurrency int `yaml:"concurrency"`
	// ConnectTimeout is how long a port may be silent until it counts as
	// filtered. Default 2 s, so that one lost packet is sent again in time.
	ConnectTimeout time.Duration `yaml:"connect_timeout"`
}

// What a sweep is at most, so that a slip in a plan is no attack.
const (
	mostHosts       = 64
	mostRate        = 5000
	mostConcurrency = 1024
	lastPort        = 65535
)

// The named ranges.
const (
	RangeUsual = "usual"
	RangeAll   = "all"
)

// Resolve does nothing: the configuration names no files.
func (c *Config) Resolve(string) {}

// Check fills defaults in and reports what is wrong.
func (c *Config) Check(report strictyaml.Report) {
	c.defaults()
	switch {
	case len(c.Hosts) == 0:
		report("hosts", "is missing", "name the hosts to sweep; only they are asked")
	case len(c.Hosts) > mostHosts:
		report("hosts", fmt.Sprintf("names %d hosts, at most %d are swept by one check", len(c.Hosts), mostHosts), "")
	}
	for i, host := range c.Hosts {
		checkHost(fmt.Sprintf("hosts[%d]", i), host, report)
	}
	checkPorts("open", c.Open, report)
	checkPorts("ignore", c.Ignore, report)
	for _, port := range c.Open {
		if slices.Contains(c.Ignore, port) {
			report("ignore", fmt.Sprintf("port %d is also in open", port), "keep it in one of them")
		}
	}
	if _, err := parseRange(c.Range); err != nil {
		report("range", err.Error(), `write usual, all, or a list such as "1-1024, 8443"`)
	}
	between("rate", c.Rate, 1, mostRate, report)
	between("concurrency", c.Concurrency, 1, mostConcurrency, report)
	if c.ConnectTimeout < 50*time.Millisecond || c.ConnectTimeout > 30*time.Second {
		report("connect_timeout", fmt.Sprintf("%s is not between 50ms and 30s", c.ConnectTimeout), "")
	}
}

func (c *Config) defaults() {
	if c.Range == "" {
		c.Range = RangeUsual
	}
	if c.Rate == 0 {
		c.Rate = 200
	}
	if c.Concurrency == 0 {
		c.Concurrency = 64
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 2 * time.Second
	}
}

func checkHost(key, host string, report strictyaml.Report) {
	if _, err := netip.ParsePrefix(host); err == nil {
		report(key, fmt.Sprintf("%q is a network", host), "name each host: a sweep asks nobody else")
		return
	}
	if _, err := netip.ParseAddr(host); err != nil && (host == "" || strings.ContainsAny(host, "/: \t*")) {
		report(key, fmt.Sprintf("%q is no host", host), "write a name or an address, without scheme and port")
	}
}

func checkPorts(key string, ports []int, report strictyaml.Report) {
	for _, port := range ports {
		if port < 1 || port > lastPort {
			report(key, fmt.Sprintf("%d is no port", port), "")
		}
	}
}

func between(key string, value, least, most int, report strictyaml.Report) {
	if value < least || value > most {
		report(key, fmt.Sprintf("%d is not between %d and %d", value, least, most), "")
	}
}

// known are services above port 1024 that should not face outwards: databases,
// caches, consoles, debuggers and the ports of clusters.
func known() []int {
	return []int{
		1080, 1099, 1433, 1434, 1521, 1723, 1883, 2049, 2181, 2222, 2375, 2376, 2379, 2380, 3000, 3128, 3260, 3268, 3306, 3389,
		4000, 4001, 4194, 4369, 4444, 4505, 4506, 4786, 5000, 5001, 5005, 5060, 5222, 5432, 5433, 5601, 5671, 5672, 5800, 5900,
		5984, 5985, 5986, 6000, 6379, 6380, 6432, 6443, 6660, 6667, 7000, 7001, 7070, 7077, 7199, 7474, 7946, 8000, 8001, 8005,
		8008, 8009, 8080, 8081, 8086, 8088, 8089, 8090, 8125, 8161, 8200, 8300, 8301, 8443, 8500, 8600, 8686, 8834, 8888, 8983,
		9000, 9001, 9042, 9043, 9060, 9080, 9090, 9091, 9092, 9093, 9094, 9100, 9200, 9229, 9300, 9418, 9443, 9990, 9999, 10000,
		10050, 10051, 10250, 10255, 10256, 11211, 15672, 16379, 26257, 26379, 27017, 27018, 27019, 28017, 50000, 50070, 61616,
	}
}

// parseRange returns the ports that text names, in order.
func parseRange(text string) ([]int, error) {
	switch text {
	case RangeAll:
		return span(1, lastPort), nil
	case RangeUsual:
		return append(span(1, 1024), known()...), nil
	}
	var ports []int
	for part := range strings.SplitSeq(text, ",") {
		first, last, isSpan := strings.Cut(strings.TrimSpace(part), "-")
		if !isSpan {
			last = first
		}
		from, fromErr := strconv.Atoi(strings.TrimSpace(first))
		to, toErr := strconv.Atoi(strings.TrimSpace(last))
		if errors.Join(fromErr, toErr) != nil || from < 1 || to > lastPort || from > to {
			return nil, fmt.Errorf("%q is no range of ports", strings.TrimSpace(part))
		}
		ports = append(ports, span(from, to)...)
	}
	slices.Sort(ports)
	return slices.Compact(ports), nil
}

func span(from, to int) []int {
	ports := make([]int, 0, to-from+1)
	for port := from; port <= to; port++ {
		ports = append(ports, port)
	}
	return ports
}

// swept are the ports to ask, those that must be open first: they tell at once
// whether the host is there at all.
func (c *Config) swept() ([]int, error) {
	all, err := parseRange(c.Range)
	if err != nil {
		return nil, err
	}
	ports := slices.Clone(c.Open)
	for _, port := range all {
		if !slices.Contains(c.Open, port) && !slices.Contains(c.Ignore, port) {
			ports = append(ports, port)
		}
	}
	return ports, nil
}
