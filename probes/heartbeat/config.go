package heartbeat

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"tocsin/internal/strictyaml"
)

// Config is one job that must report.
type Config struct {
	Name string `yaml:"name"`
	// Every is the longest time from one report to the next, and Grace how much
	// later a report may still come. Default grace is a tenth of it.
	Every time.Duration `yaml:"every"`
	Grace time.Duration `yaml:"grace"`
	// TokenFile holds the secret that whoever reports must present.
	TokenFile string `yaml:"token_file"`
}

var named = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// Bounds of a heartbeat, and the shortest token: 16 random characters are what
// nobody guesses over HTTP.
const (
	shortest      = 10 * time.Second
	longest       = 40 * 24 * time.Hour
	shortestToken = 16
)

// Resolve makes paths absolute that start at folder, and fills defaults in.
func (c *Config) Resolve(folder string) {
	if c.TokenFile != "" && !filepath.IsAbs(c.TokenFile) {
		c.TokenFile = filepath.Join(folder, c.TokenFile)
	}
	if c.Grace == 0 {
		c.Grace = c.Every / 10
	}
}

// Check reports what is wrong, by keys that are relative to the heartbeat. The
// token is looked at by CheckToken: only who takes reports needs it.
func (c *Config) Check(report strictyaml.Report) {
	if !named.MatchString(c.Name) {
		report("name", fmt.Sprintf("%q is no name", c.Name), "use up to 64 of a-z, 0-9, - and _")
	}
	if c.Every < shortest || c.Every > longest {
		report("every", fmt.Sprintf("%s is not between %s and %s", c.Every, shortest, longest), "")
	}
	if c.Grace < 0 || c.Grace > longest {
		report("grace", fmt.Sprintf("%s is not between 0 and %s", c.Grace, longest), "")
	}
	if c.TokenFile == "" {
		report("token_file", "is missing", "name a file with a secret in it: openssl rand -base64 24")
	}
}

// CheckToken fails when no token can be read.
func (c *Config) CheckToken() error {
	_, err := c.token()
	return err
}

// token is read each time, so that it can be changed without a restart.
func (c *Config) token() (string, error) { return ReadToken(c.TokenFile) }

// ReadToken reads the token in a file, whoever presents or checks it.
func ReadToken(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if len(token) < shortestToken {
		return "", errors.New("the token is shorter than 16 characters")
	}
	return token, nil
}

// accepts compares in a time that tells nothing of where two tokens differ, nor
// of how long the right one is.
func (c *Config) accepts(presented string) (bool, error) {
	token, err := c.token()
	if err != nil {
		return false, err
	}
	want, got := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(presented))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1, nil
}

// allowed is how long a job may be silent.
func (c *Config) allowed() time.Duration { return c.Every + c.Grace }

// Look is how often the schedule asks: often enough that silence is noticed soon
// after its deadline.
func (c *Config) Look() time.Duration {
	return min(max((c.Every/10).Truncate(time.Second), time.Second), 30*time.Second)
}
