// Package target owns the target file: the one YAML file that says where the
// system under test is and how to log in to it. It checks the file completely
// when it is loaded and talks to nothing.
package target

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Target is a system under test.
type Target struct {
	Version int    `yaml:"version"`
	Name    string `yaml:"name"`
	// Issuer is without a slash at its end, ready to append paths to.
	// StatedIssuer is the issuer as the file has it: as an identifier, a slash
	// at its end counts.
	Issuer       string `yaml:"issuer"`
	StatedIssuer string `yaml:"-"`
	TLS          TLS    `yaml:"tls"`
	// ConnectTo dials another host:port than the one an address names, while
	// name, SNI and issuer stay: one zone or edge is probed as if it were all.
	ConnectTo     map[string]string `yaml:"connect_to"`
	Client        Client            `yaml:"client"`
	ServiceClient ServiceClient     `yaml:"service_client"`
	// Features are what the provider promises beyond a login.
	Features []string `yaml:"features"`
	// Refresh is what it promises about refresh tokens.
	Refresh Refresh `yaml:"refresh"`
	// Conformance is what was decided about the checks of conformance.
	Conformance Conformance `yaml:"conformance"`
	Accounts    Accounts    `yaml:"accounts"`
	Login       Login       `yaml:"login"`
	// Credential is asked for by the credential journeys.
	Credential Credential `yaml:"credential"`
	// Zones are the entries of single zones; empty where there are none.
	Zones        []Zone       `yaml:"zones"`
	Prometheus   Prometheus   `yaml:"prometheus"`
	Alertmanager Alertmanager `yaml:"alertmanager"`
	Pager        Pager        `yaml:"pager"`
	Injector     Injector     `yaml:"injector"`
	// Plan is the file that says what is probed and when; empty for the plan
	// that follows from the target.
	Plan string `yaml:"plan"`
	// Visual says how its pages are looked at.
	Visual Visual `yaml:"visual"`
}

// Visual says how the pages of the target are looked at.
type Visual struct {
	// ChecksFile says which pages and how; empty for the login page
	// alone.
	ChecksFile string `yaml:"checks_file"`
	// Baselines is where approved pictures are: a folder, or s3://BUCKET/PREFIX;
	// empty for the state folder.
	Baselines string `yaml:"baselines"`
}

// InBucket reports whether a location of baselines is in an object store.
func InBucket(location string) bool { return strings.HasPrefix(location, "s3://") }

// TLS says whom to trust. Without CAFile, the roots of the machine.
type TLS struct {
	CAFile string `yaml:"ca_file"`
}

// Accounts are the synthetic people.
type Accounts struct {
	Probe Account      `yaml:"probe"`
	Load  AccountRange `yaml:"load"`
}

// Account is one synthetic person.
type Account struct {
	IndividualID string `yaml:"individual_id"`
	SecretFile   string `yaml:"secret_file"`
}

// AccountRange is Count people with consecutive numbers and one secret.
type AccountRange struct {
	First      string `yaml:"first"`
	Count      int    `yaml:"count"`
	SecretFile string `yaml:"secret_file"`
}

// ID is the number of the person at index, from 0. It keeps the width of First.
func (r AccountRange) ID(index int) (string, error) {
	if index < 0 || index >= r.Count {
		return "", fmt.Errorf("account %d is outside the range of %d accounts", index, r.Count)
	}
	first, err := strconv.ParseUint(r.First, 10, 64)
	if err != nil {
		return "", fmt.Errorf("first account %q is not a number: %w", r.First, err)
	}
	return fmt.Sprintf("%0*d", len(r.First), first+uint64(index)), nil
}

// Zone is the direct entry of one zone.
type Zone struct {
	Name string `yaml:"name"`
	URL  string `yaml:"url"`
}

// Prometheus that watches the target. RulesFile is where its rules are put.
type Prometheus struct {
	URL       string `yaml:"url"`
	RulesFile string `yaml:"rules_file"`
}

// Alertmanager that wakes people. ConfigFile is where its configuration is put.
type Alertmanager struct {
	URL        string `yaml:"url"`
	ConfigFile string `yaml:"config_file"`
}

// Pager is Tocsin's receiver as Alertmanager sees it: address and files are
// those on Alertmanager's machine, so they are not looked for on this one.
type Pager struct {
	WebhookURL string `yaml:"webhook_url"`
	CAFile     string `yaml:"ca_file"`
	CertFile   string `yaml:"cert_file"`
	KeyFile    string `yaml:"key_file"`
}

// Injector makes faults in the target. Without a kind there is none.
type Injector struct {
	Kind   string `yaml:"kind"`
	Socket string `yaml:"socket"`
}

// InjectorLab is the control socket of the lab.
const InjectorLab = "lab"

// Roots returns the certificates to trust, nil for those of the machine.
func (t *Target) Roots() (*x509.CertPool, error) {
	if t.TLS.CAFile == "" {
		return nil, nil
	}
	data, err := os.ReadFile(t.TLS.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("certificate authority %s holds no PEM certificate", t.TLS.CAFile)
	}
	return pool, nil
}

// TLSConfig returns the client side of TLS to the target.
func (t *Target) TLSConfig() (*tls.Config, error) {
	roots, err := t.Roots()
	if err != nil {
		return nil, err
	}
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, nil
}

// ReadSecret reads a secret file and drops the line end that editors add.
func ReadSecret(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	secret := strings.TrimRight(string(data), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("secret file %s is empty", path)
	}
	return secret, nil
}
