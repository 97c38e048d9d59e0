package ui

import (
	"errors"
	"fmt"

	"tocsin/system/internal/conf"
	"tocsin/system/internal/wire"
)

// Config is the configuration file of the component; config.example.yaml
// explains it.
type Config struct {
	Version  int       `yaml:"version"`
	Zone     string    `yaml:"zone"`
	TLS      wire.TLS  `yaml:"tls"`
	Public   Listener  `yaml:"public"`
	Ops      Listener  `yaml:"ops"`
	Identity Identity  `yaml:"identity"`
	Texts    conf.Path `yaml:"texts_file"`
}

// Listener is an address and the OUs of who may call it; none means everybody
// with a certificate.
type Listener struct {
	Listen  string   `yaml:"listen"`
	Callers []string `yaml:"callers"`
}

// Identity is the internal listeners of the providers, own zone first.
type Identity struct {
	Nodes []string `yaml:"nodes"`
}

// LoadConfig reads and checks file.
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
	problems := []error{c.TLS.Validate("tls")}
	if c.Version != 1 {
		problems = append(problems, errors.New(`key "version": must be 1`))
	}
	for key, value := range map[string]string{"zone": c.Zone, "public.listen": c.Public.Listen, "ops.listen": c.Ops.Listen} {
		if value == "" {
			problems = append(problems, fmt.Errorf("key %q: missing", key))
		}
	}
	if len(c.Identity.Nodes) == 0 {
		problems = append(problems, errors.New(`key "identity.nodes": at least one is needed`))
	}
	return errors.Join(problems...)
}
