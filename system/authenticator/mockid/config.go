package mockid

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"

	"tocsin/system/internal/conf"
)

// Name is what this plug-in calls itself.
const Name = "mock-id"

// Config is the configuration file of the plug-in; config.example.yaml explains it.
type Config struct {
	Version int       `yaml:"version"`
	Secret  conf.File `yaml:"secret_file"`
	Persons conf.File `yaml:"persons_file"`
	// One-time codes go to both that are given; without either, nobody gets any.
	OutboxFile conf.Path `yaml:"outbox_file"`
	OutboxURL  string    `yaml:"outbox_url"`
}

// LoadConfig reads and checks a configuration file.
func LoadConfig(file string) (*Config, error) {
	config := &Config{}
	if err := conf.Load(file, config); err != nil {
		return nil, err
	}
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return config, nil
}

func (c *Config) validate() error {
	var problems []error
	if c.Version != 1 {
		problems = append(problems, errors.New(`key "version": must be 1`))
	}
	if c.Secret == "" {
		problems = append(problems, errors.New(`key "secret_file": missing`))
	}
	if c.Persons == "" {
		problems = append(problems, errors.New(`key "persons_file": missing`))
	}
	if c.OutboxURL != "" {
		address, err := url.Parse(c.OutboxURL)
		if err != nil || (address.Scheme != "http" && address.Scheme != "https") || address.Host == "" {
			problems = append(problems, errors.New(`key "outbox_url": must be an http or https address`))
		}
	}
	return errors.Join(problems...)
}

// minSecret is the shortest secret, in bytes.
const minSecret = 32

// loadSecret reads the secret. It is one for all time: references to persons
// follow from it.
func loadSecret(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	text = bytes.TrimSpace(text)
	if len(text) < minSecret {
		return nil, fmt.Errorf("secret in %s has fewer than %d bytes", file, minSecret)
	}
	return text, nil
}
