package hsm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tocsin/system/hsm/pkcs11pool"
	"tocsin/system/internal/conf"
	"tocsin/system/internal/wire"
)

// Config is the configuration file of a node; config.example.yaml explains it.
type Config struct {
	Version int      `yaml:"version"`
	Zone    string   `yaml:"zone"`
	Listen  string   `yaml:"listen"`
	TLS     wire.TLS `yaml:"tls"`
	Callers []string `yaml:"callers"`
	PKCS11  PKCS11   `yaml:"pkcs11"`
	SoftHSM SoftHSM  `yaml:"softhsm"`
}

// PKCS11 says where the key is.
type PKCS11 struct {
	Module             conf.File     `yaml:"module"`
	TokenLabel         string        `yaml:"token_label"`
	KeyLabel           string        `yaml:"key_label"`
	PIN                conf.File     `yaml:"pin_file"`
	SecurityOfficerPIN conf.File     `yaml:"so_pin_file"`
	Sessions           int           `yaml:"sessions"`
	OperationTimeout   conf.Duration `yaml:"operation_timeout"`
}

// SoftHSM is the folder of a software token; empty for other modules.
type SoftHSM struct {
	TokenDir conf.Path `yaml:"token_dir"`
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
	for key, value := range map[string]string{
		"zone": c.Zone, "listen": c.Listen, "pkcs11.module": string(c.PKCS11.Module),
		"pkcs11.token_label": c.PKCS11.TokenLabel, "pkcs11.key_label": c.PKCS11.KeyLabel, "pkcs11.pin_file": string(c.PKCS11.PIN),
	} {
		if value == "" {
			problems = append(problems, fmt.Errorf("key %q: missing", key))
		}
	}
	if len(c.Callers) == 0 {
		problems = append(problems, errors.New(`key "callers": name who may sign`))
	}
	return errors.Join(problems...)
}

func (c *Config) pool() (pkcs11pool.Config, error) {
	pin, err := readSecret(c.PKCS11.PIN)
	if err != nil {
		return pkcs11pool.Config{}, fmt.Errorf("read user PIN: %w", err)
	}
	return pkcs11pool.Config{
		Module: string(c.PKCS11.Module), TokenLabel: c.PKCS11.TokenLabel, KeyLabel: c.PKCS11.KeyLabel,
		PIN: pin, Sessions: c.PKCS11.Sessions, Timeout: c.PKCS11.OperationTimeout.Std(),
	}, nil
}

func readSecret(file conf.File) (string, error) {
	text, err := os.ReadFile(string(file))
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// prepare writes the configuration SoftHSM itself reads. The library finds it
// through the environment of the process, and only there.
func (s SoftHSM) prepare() error {
	if s.TokenDir == "" {
		return nil
	}
	dir := string(s.TokenDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make token folder: %w", err)
	}
	file := filepath.Clean(dir) + ".conf"
	text := fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n", dir)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write SoftHSM configuration: %w", err)
	}
	if err := os.Setenv("SOFTHSM2_CONF", file); err != nil {
		return fmt.Errorf("point SoftHSM at its configuration: %w", err)
	}
	return nil
}
