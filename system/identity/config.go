package identity

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"tocsin/system/authenticator/host"
	"tocsin/system/identity/store/postgres"
	"tocsin/system/identity/store/redis"
	"tocsin/system/internal/conf"
	"tocsin/system/internal/wire"
)

// Config is the configuration file of a provider; config.example.yaml explains it.
type Config struct {
	Version       int           `yaml:"version"`
	Zone          string        `yaml:"zone"`
	Issuer        string        `yaml:"issuer"`
	TLS           wire.TLS      `yaml:"tls"`
	Public        Listener      `yaml:"public"`
	Internal      Listener      `yaml:"internal"`
	Ops           Listener      `yaml:"ops"`
	UIPath        string        `yaml:"ui_path"`
	Texts         conf.Path     `yaml:"texts_file"`
	Authenticator Authenticator `yaml:"authenticator"`
	Postgres      Postgres      `yaml:"postgres"`
	Etcd          Etcd          `yaml:"etcd"`
	Redis         Redis         `yaml:"redis"`
	HSM           HSM           `yaml:"hsm"`
	Keys          Keys          `yaml:"keys"`
	Secrets       Secrets       `yaml:"secrets"`
	DPoP          DPoP          `yaml:"dpop"`
	Credentials   Credentials   `yaml:"credentials"`
	ESignet       ESignet       `yaml:"esignet"`
	Lifetimes     Lifetimes     `yaml:"lifetimes"`
}

// Listener is an address and the OUs of who may call it; none means everybody
// with a certificate.
type Listener struct {
	Listen  string   `yaml:"listen"`
	Callers []string `yaml:"callers"`
}

// Authenticator is the plug-in that knows people.
type Authenticator struct {
	Name    string        `yaml:"name"`
	Command []string      `yaml:"command"`
	SHA256  string        `yaml:"sha256"`
	Folder  conf.Path     `yaml:"folder"`
	Timeout conf.Duration `yaml:"timeout"`
}

// Postgres is the database cluster.
type Postgres struct {
	Hosts          []string  `yaml:"hosts"`
	Database       string    `yaml:"database"`
	User           string    `yaml:"user"`
	MaxConnections int       `yaml:"max_connections"`
	TLS            *wire.TLS `yaml:"tls"`
}

// Etcd is the quorum store.
type Etcd struct {
	Endpoints []string  `yaml:"endpoints"`
	Prefix    string    `yaml:"prefix"`
	TLS       *wire.TLS `yaml:"tls"`
}

// Redis is the store of what may be done again.
type Redis struct {
	Sentinels        []string  `yaml:"sentinels"`
	Master           string    `yaml:"master"`
	Password         conf.File `yaml:"password_file"`
	SentinelPassword conf.File `yaml:"sentinel_password_file"`
	TLS              *wire.TLS `yaml:"tls"`
}

// HSM is the signing nodes.
type HSM struct {
	Nodes []string `yaml:"nodes"`
	// Approved is the file with the public keys of the nodes, as the key
	// ceremony made it.
	Approved conf.File `yaml:"approved_file"`
	TLS      *wire.TLS `yaml:"tls"`
}

// Keys is how signing keys are followed by others.
type Keys struct {
	// Rotate is how long a key signs.
	Rotate conf.Duration `yaml:"rotate"`
}

// Secrets are files shared by all zones.
type Secrets struct {
	Pepper conf.File `yaml:"pepper_file"`
}

// DPoP is how proofs of possession are checked.
type DPoP struct {
	RequireNonce bool `yaml:"require_nonce"`
}

// Credentials is the credential issuer.
type Credentials struct {
	// Country and Organization stand in certificates.
	Country      string `yaml:"country"`
	Organization string `yaml:"organization"`
	// StatusLists is the folder of the signed status lists.
	StatusLists conf.Path `yaml:"status_list_dir"`
	// Attesters is a JWK set of who may attest wallet keys.
	Attesters conf.File `yaml:"attesters_file"`
}

// ESignet is eSignet's REST surface.
type ESignet struct {
	Legacy200 bool `yaml:"legacy_200"`
}

// Lifetimes of what the provider issues.
type Lifetimes struct {
	Transaction  conf.Duration `yaml:"transaction"`
	Code         conf.Duration `yaml:"code"`
	IDToken      conf.Duration `yaml:"id_token"`
	AccessToken  conf.Duration `yaml:"access_token"`
	RefreshToken conf.Duration `yaml:"refresh_token"`
	Session      conf.Duration `yaml:"session"`
}

// maxAccessLife is the longest life of an access token that is bound to nobody
// (OpenID4VCI 1.0, 13.10).
const maxAccessLife = 5 * time.Minute

// Defaults returns what keys mean that a file does not have.
func Defaults() *Config {
	return &Config{
		UIPath:        "/ui",
		Authenticator: Authenticator{Timeout: conf.Duration(500 * time.Millisecond)},
		Postgres:      Postgres{MaxConnections: 12},
		Etcd:          Etcd{Prefix: "/identity/"},
		Redis:         Redis{Master: "identity"},
		Keys:          Keys{Rotate: conf.Duration(30 * 24 * time.Hour)},
		Credentials:   Credentials{Country: "UT", Organization: "Example Identity"},
		Lifetimes: Lifetimes{
			Transaction: conf.Duration(10 * time.Minute), Code: conf.Duration(time.Minute),
			IDToken: conf.Duration(5 * time.Minute), AccessToken: conf.Duration(maxAccessLife),
			RefreshToken: conf.Duration(30 * 24 * time.Hour), Session: conf.Duration(8 * time.Hour),
		},
	}
}

// LoadConfig reads and checks file for a provider that serves.
func LoadConfig(file string) (*Config, error) {
	return load(file, (*Config).validateProvider)
}

// LoadDatabaseConfig reads file for what only touches the database; it checks
// no more than that.
func LoadDatabaseConfig(file string) (*Config, error) {
	return load(file, func(*Config) []error { return nil })
}

func load(file string, more func(*Config) []error) (*Config, error) {
	config := Defaults()
	if err := conf.Load(file, config); err != nil {
		return nil, err
	}
	problems := append(config.validateDatabase(), more(config)...)
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return config, nil
}

// or returns the section's own TLS files, or the component's.
func (c *Config) or(own *wire.TLS) wire.TLS {
	if own != nil {
		return *own
	}
	return c.TLS
}

func (c *Config) authenticator() host.Config {
	return host.Config{
		Name: c.Authenticator.Name, Command: c.Authenticator.Command, Digest: c.Authenticator.SHA256,
		Folder: string(c.Authenticator.Folder), CallTimeout: c.Authenticator.Timeout.Std(),
	}
}

func (c *Config) postgres() postgres.Config {
	return postgres.Config{
		Hosts: c.Postgres.Hosts, Database: c.Postgres.Database, User: c.Postgres.User,
		TLS: c.or(c.Postgres.TLS), MaxConnections: c.Postgres.MaxConnections,
	}
}

func (c *Config) redis() (redis.Config, error) {
	config := redis.Config{Sentinels: c.Redis.Sentinels, Master: c.Redis.Master}
	for _, password := range []struct {
		file conf.File
		into *string
	}{{c.Redis.Password, &config.Password}, {c.Redis.SentinelPassword, &config.SentinelPassword}} {
		if password.file == "" {
			continue
		}
		text, err := os.ReadFile(string(password.file))
		if err != nil {
			return config, fmt.Errorf("read Redis password: %w", err)
		}
		*password.into = strings.TrimRight(string(text), "\r\n")
	}
	return config, nil
}
