package tlscheck

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"tocsin/internal/strictyaml"
	"tocsin/probes/dial"
)

// Config of a TLS check, as it stands in a plan file.
type Config struct {
	// Address is host or host:port. Default the target's issuer.
	Address string `yaml:"address"`
	// ServerName to ask for and to verify. Default the host of Address.
	ServerName string `yaml:"server_name"`
	// Policy is Mozilla's intermediate (the default) or modern.
	Policy string `yaml:"policy"`
	// StartTLS is the protocol that changes to TLS when asked: smtp, imap,
	// ldap or postgres. By default TLS begins at once.
	StartTLS string `yaml:"starttls"`
	// CAFile replaces the authorities of the target file, and System trusts
	// those of this machine instead.
	CAFile string `yaml:"ca_file"`
	System bool   `yaml:"system_roots"`
	// ExpireIn fails the check when a certificate expires sooner. Default 14
	// days.
	ExpireIn time.Duration `yaml:"expire_in"`
	// Revocation is soft (the default): a responder that cannot be asked fails
	// the check only where the certificate says that it must be stapled; hard:
	// it always does; or off.
	Revocation string `yaml:"revocation"`
	// Certificates is false for a server whose certificates nobody need trust.
	// Default true.
	Certificates *bool `yaml:"certificates"`
}

// The values of Revocation.
const (
	revocationSoft = "soft"
	revocationHard = "hard"
	revocationOff  = "off"
)

// Resolve makes paths start at folder.
func (c *Config) Resolve(folder string) {
	if c.CAFile != "" && !filepath.IsAbs(c.CAFile) {
		c.CAFile = filepath.Join(folder, c.CAFile)
	}
}

// Check fills defaults in and reports what is wrong.
func (c *Config) Check(report strictyaml.Report) {
	c.defaults()
	if _, known := policyOf(c.Policy); !known {
		hint := "write intermediate or modern"
		if c.Policy == "old" {
			hint = "Mozilla's old allows TLS 1.0 and 3DES, which RFC 8996 and SWEET32 rule out; write intermediate"
		}
		report("policy", fmt.Sprintf("unknown policy %q", c.Policy), hint)
	}
	if c.StartTLS != "" && !slices.Contains(dial.Preludes(), c.StartTLS) {
		report("starttls", fmt.Sprintf("unknown protocol %q", c.StartTLS), "choose from "+strings.Join(dial.Preludes(), ", "))
	}
	if !slices.Contains([]string{revocationSoft, revocationHard, revocationOff}, c.Revocation) {
		report("revocation", fmt.Sprintf("unknown value %q", c.Revocation), "write soft, hard or off")
	}
	if c.ExpireIn < 0 {
		report("expire_in", "is negative", "write a time such as 336h")
	}
	if c.System && c.CAFile != "" {
		report("system_roots", "stands beside ca_file", "keep one of them")
	}
	if c.Address == "" {
		return
	}
	address, err := withPort(c.Address, c.StartTLS)
	if err != nil {
		report("address", err.Error(), "write host or host:port, such as id.example.org:443")
		return
	}
	c.Address = address
}

func (c *Config) defaults() {
	if c.Policy == "" {
		c.Policy = intermediate
	}
	if c.ExpireIn == 0 {
		c.ExpireIn = 14 * 24 * time.Hour
	}
	if c.Revocation == "" {
		c.Revocation = revocationSoft
	}
	if c.Certificates == nil {
		yes := true
		c.Certificates = &yes
	}
}

// withPort adds the usual port of the protocol.
func withPort(address, protocol string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
		port = map[string]string{"": "443", "smtp": "25", "imap": "143", "ldap": "389", "postgres": "5432"}[protocol]
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if host == "" || strings.ContainsAny(host, "/ ") || err != nil || number == 0 {
		return "", fmt.Errorf("%q is no address", address)
	}
	return net.JoinHostPort(host, port), nil
}

// home is the address of the target itself.
func home(issuer string) (string, error) {
	parsed, err := url.Parse(issuer)
	if err != nil || parsed.Scheme != "https" || parsed.Host == "" {
		return "", errors.New("address is missing, and the target's issuer has no TLS")
	}
	return withPort(parsed.Host, "")
}
