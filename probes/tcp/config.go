package tcpcheck

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tocsin/internal/strictyaml"
	"tocsin/probes/dial"
)

// Config of a TCP probe, as it stands in a plan file. Its time limit is that of
// the check.
type Config struct {
	// Address is host:port.
	Address string `yaml:"address"`
	// Secure begins TLS at once.
	Secure bool `yaml:"secure"`
	// StartTLS is a protocol that begins in clear and changes to TLS when asked.
	StartTLS string   `yaml:"starttls"`
	TLS      dial.TLS `yaml:"tls"`
	// Dialogue is what is said once the connection is there. Without one, a pass
	// says only that somebody accepts connections.
	Dialogue []Turn `yaml:"dialogue"`
	// Attempts is how often a run tries while failures are transient. Default 2.
	Attempts int    `yaml:"attempts"`
	Expect   Expect `yaml:"expect"`
}

// Turn is one turn of the dialogue: what is sent, and then what must come.
type Turn struct {
	// Send is sent as it is, without a line end of its own. ${name} in it is the
	// group of that name or number in the last expression that matched.
	Send string `yaml:"send"`
	// SendFile is a file that is sent as it is: secrets stand in files only. It
	// is read anew for each run.
	SendFile string `yaml:"send_file"`
	// Expect is a regular expression (RE2) that a line of the answer must match;
	// lines before it are skipped.
	Expect string `yaml:"expect"`
	// Lacks is one that no line may match until then.
	Lacks string `yaml:"lacks"`
	// Bytes is how many bytes to read instead of lines, for protocols without
	// lines.
	Bytes int `yaml:"bytes"`
	// StartTLS changes to TLS after this turn.
	StartTLS bool `yaml:"starttls"`

	expect, lacks *regexp.Regexp
}

// Expect is what is promised about the whole.
type Expect struct {
	// MaxTime is how long all of it may take, from resolving the name to the
	// last answer. Past it the run fails as slow, though the answers came.
	MaxTime time.Duration `yaml:"max_time"`
	// CertificateDays is how long the certificates must still be valid.
	CertificateDays int `yaml:"certificate_days"`
}

const (
	maxTurns    = 50
	maxBytes    = 64 << 10
	maxAttempts = 5
)

// Resolve makes paths absolute.
func (c *Config) Resolve(folder string) {
	c.TLS.Resolve(folder)
	for index := range c.Dialogue {
		c.Dialogue[index].SendFile = dial.Absolute(folder, c.Dialogue[index].SendFile)
	}
}

// Check reports all that is wrong with the values of c.
func (c *Config) Check(report strictyaml.Report) {
	checkAddress(c.Address, report)
	if c.StartTLS != "" && !slices.Contains(dial.Preludes(), c.StartTLS) {
		report("starttls", fmt.Sprintf("unknown protocol %q", c.StartTLS), "choose from "+strings.Join(dial.Preludes(), ", ")+", or set starttls: true at a turn of the dialogue")
	}
	c.checkTLS(report)
	if c.Attempts < 0 || c.Attempts > maxAttempts {
		report("attempts", fmt.Sprintf("%d is outside 1 to %d", c.Attempts, maxAttempts), "")
	}
	if c.Expect.MaxTime < 0 {
		report("expect.max_time", "is negative", "")
	}
	if len(c.Dialogue) > maxTurns {
		report("dialogue", fmt.Sprintf("has %d turns, more than %d", len(c.Dialogue), maxTurns), "")
	}
	var groups []string
	for index := range c.Dialogue {
		turn, key := &c.Dialogue[index], fmt.Sprintf("dialogue[%d].", index)
		turn.check(groups, func(inner, problem, hint string) { report(strings.TrimSuffix(key+inner, "."), problem, hint) })
		if turn.expect != nil {
			groups = groupsOf(turn.expect)
		}
	}
}

// checkTLS looks for TLS that would begin twice, and for promises about TLS
// where there is none.
func (c *Config) checkTLS(report strictyaml.Report) {
	c.TLS.Check(strictyaml.Under("tls", report))
	begins := 0
	for _, yes := range append(c.turnsToTLS(), c.Secure, c.StartTLS != "") {
		if yes {
			begins++
		}
	}
	switch {
	case begins > 1:
		report("", "begins TLS more than once", "keep one of secure, starttls, and starttls at a turn of the dialogue")
	case begins == 0 && c.TLS != (dial.TLS{}):
		report("tls", "is of no use without TLS", "write secure: true or starttls")
	case begins == 0 && c.Expect.CertificateDays > 0:
		report("expect.certificate_days", "is of no use without TLS", "write secure: true or starttls")
	}
	if c.Expect.CertificateDays < 0 {
		report("expect.certificate_days", "is negative", "")
	}
}

func (c *Config) turnsToTLS() []bool {
	turns := make([]bool, 0, len(c.Dialogue)+2)
	for _, turn := range c.Dialogue {
		turns = append(turns, turn.StartTLS)
	}
	return turns
}

func checkAddress(address string, report strictyaml.Report) {
	host, port, err := net.SplitHostPort(address)
	number, portErr := strconv.Atoi(port)
	switch {
	case address == "":
		report("address", "is missing", "write host:port, such as db.example.org:5432")
	case err != nil || host == "" || portErr != nil || number < 1 || number > 65535:
		report("address", fmt.Sprintf("%q is no host:port", address), "write it like db.example.org:5432")
	}
}

// check reports what is wrong with a turn, and makes its expressions.
func (t *Turn) check(groups []string, report strictyaml.Report) {
	if t.Send != "" && t.SendFile != "" {
		report("send_file", "stands beside send", "keep one of them, or make two turns")
	}
	if t.SendFile != "" {
		if info, err := os.Stat(t.SendFile); err != nil {
			report("send_file", fmt.Sprintf("file cannot be used: %v", err), "")
		} else if !info.Mode().IsRegular() || info.Size() > maxBytes {
			report("send_file", fmt.Sprintf("%s is no file of at most %d bytes", t.SendFile, maxBytes), "")
		}
	}
	for _, name := range references(t.Send) {
		if !slices.Contains(groups, name) {
			report("send", fmt.Sprintf("${%s} is no group of the expression before", name), "name a group there, such as (?P<"+name+">.*)")
		}
	}
	t.expect = pattern("expect", t.Expect, report)
	t.lacks = pattern("lacks", t.Lacks, report)
	switch {
	case t.Bytes < 0 || t.Bytes > maxBytes:
		report("bytes", fmt.Sprintf("%d is outside 1 to %d", t.Bytes, maxBytes), "")
	case t.Lacks != "" && t.Expect == "" && t.Bytes == 0:
		report("lacks", "would wait without end", "write what comes instead in expect, or how many bytes")
	case t.Send == "" && t.SendFile == "" && t.Expect == "" && t.Bytes == 0 && !t.StartTLS:
		report("", "neither sends nor expects anything", "write one of send, send_file, expect, bytes, starttls")
	}
}

func pattern(key, text string, report strictyaml.Report) *regexp.Regexp {
	if text == "" {
		return nil
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		report(key, err.Error(), "")
		return nil
	}
	return compiled
}

// groupsOf lists the groups of an expression by number and by name.
func groupsOf(expression *regexp.Regexp) []string {
	groups := expression.SubexpNames()
	for index := range expression.NumSubexp() + 1 {
		groups = append(groups, strconv.Itoa(index))
	}
	return groups
}
