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
	Admins  []string `yaml:"admins"`
	PKCS11  PKCS11   `yaml:"pkcs11"`
	Sharing Sharing  `yaml:"sharing"`
	SoftHSM SoftHSM  `yaml:"softhsm"`
	Drills  bool     `yaml:"drills"`
}

// PKCS11 says where the keys are.
type PKCS11 struct {
	Module     conf.File `yaml:"module"`
	TokenLabel string    `yaml:"token_label"`
	PIN        conf.File `yaml:"pin_file"`
	// SecurityOfficerPIN is read by Init only: it is locked away when the node serves.
	SecurityOfficerPIN conf.Path     `yaml:"so_pin_file"`
	Sessions           int           `yaml:"sessions"`
	OperationTimeout   conf.Duration `yaml:"operation_timeout"`
	RSABits            int           `yaml:"rsa_bits"`
}

// Sharing says which nodes share keys.
type Sharing struct {
	// Own is where Init writes the public keys of this node.
	Own conf.Path `yaml:"own_file"`
	// Approved has the public keys of all nodes, this one's too.
	Approved conf.Path `yaml:"approved_file"`
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
		"pkcs11.token_label": c.PKCS11.TokenLabel, "pkcs11.pin_file": string(c.PKCS11.PIN),
		"sharing.own_file": string(c.Sharing.Own), "sharing.approved_file": string(c.Sharing.Approved),
	} {
		if value == "" {
			problems = append(problems, fmt.Errorf("key %q: missing", key))
		}
	}
	if len(c.Callers) == 0 {
		problems = append(problems, errors.New(`key "callers": name who may sign`))
	}
	if len(c.Admins) == 0 {
		problems = append(problems, errors.New(`key "admins": name who may make and remove keys`))
	}
	if bits := c.PKCS11.RSABits; bits != 0 && bits != 2048 && bits != 3072 && bits != 4096 {
		problems = append(problems, errors.New(`key "pkcs11.rsa_bits": must be 2048, 3072 or 4096`))
	}
	return errors.Join(problems...)
}

func (c *Config) pool() (pkcs11pool.Config, error) {
	pin, err := readSecret(string(c.PKCS11.PIN))
	if err != nil {
		return pkcs11pool.Config{}, fmt.Errorf("read user PIN: %w", err)
	}
	return pkcs11pool.Config{
		Module: string(c.PKCS11.Module), TokenLabel: c.PKCS11.TokenLabel, RSABits: c.PKCS11.RSABits,
		PIN: pin, Sessions: c.PKCS11.Sessions, Timeout: c.PKCS11.OperationTimeout.Std(),
	}, nil
}

func readSecret(file string) (string, error) {
	text, err := os.ReadFile(file)
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
