package httpcheck

import (
	"time"

	"go.yaml.in/yaml/v3"

	"tocsin/probes/dial"
)

// Config of an HTTP probe, as it stands in a plan file. Its time limit is
// that of the check.
type Config struct {
	URL string `yaml:"url"`
	// Method is GET by default.
	Method string `yaml:"method"`
	// Headers are sent as they are, and HeaderFiles with the first line of a
	// file as their value: secrets stand in files only. The file is read anew for
	// each run, so that it can be replaced.
	Headers     map[string]string `yaml:"headers"`
	HeaderFiles map[string]string `yaml:"header_files"`
	Body        string            `yaml:"body"`
	BodyFile    string            `yaml:"body_file"`
	TLS         dial.TLS          `yaml:"tls"`
	// Redirects is how many redirects are followed. By default none is: a
	// redirect is then an answer like any other.
	Redirects int `yaml:"redirects"`
	// Attempts is how often a run tries while failures are transient. Default 2.
	Attempts int    `yaml:"attempts"`
	Expect   Expect `yaml:"expect"`
}

// Resolve makes paths absolute.
func (c *Config) Resolve(folder string) {
	c.BodyFile = dial.Absolute(folder, c.BodyFile)
	for name, path := range c.HeaderFiles {
		c.HeaderFiles[name] = dial.Absolute(folder, path)
	}
	c.TLS.Resolve(folder)
}

// Expect is what is promised about the answer.
type Expect struct {
	// Status are codes such as 204 or classes such as 2xx. Default 2xx.
	Status []string `yaml:"status"`
	// MaxTime is how long the answer may take, from resolving the name to the
	// last byte. Past it the run fails as slow, though the answer came.
	MaxTime time.Duration `yaml:"max_time"`
	// MaxBytes is how large the body may be. Default 2 MiB.
	MaxBytes int64 `yaml:"max_bytes"`
	// CertificateDays is how long the certificates must still be valid.
	CertificateDays int               `yaml:"certificate_days"`
	Headers         []HeaderAssertion `yaml:"headers"`
	Body            []BodyAssertion   `yaml:"body"`
	JSON            []JSONAssertion   `yaml:"json"`
}

// HeaderAssertion is a promise about one header: exactly one of its keys beside
// the name is set.
type HeaderAssertion struct {
	Name    string  `yaml:"name"`
	Equals  *string `yaml:"equals"`
	Matches string  `yaml:"matches"`
	Absent  bool    `yaml:"absent"`
}

// BodyAssertion is a promise about the text of the body: a regular expression
// (RE2) that matches, or one that does not.
type BodyAssertion struct {
	Matches string `yaml:"matches"`
	Lacks   string `yaml:"lacks"`
}

// JSONAssertion is a promise about what a JSONPath selects: exactly one of its
// keys beside the path is set. But for exists and count, at least one value must
// be selected, and the promise holds for each.
type JSONAssertion struct {
	Path    string    `yaml:"path"`
	Equals  yaml.Node `yaml:"equals"`
	Matches string    `yaml:"matches"`
	Min     *float64  `yaml:"min"`
	Max     *float64  `yaml:"max"`
	Exists  *bool     `yaml:"exists"`
	Count   *int      `yaml:"count"`
}
