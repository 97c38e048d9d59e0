package identity

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"tocsin/system/identity/store/postgres"
	"tocsin/system/identity/store/redis"
	"tocsin/system/internal/conf"
	"tocsin/system/internal/wire"
)

// Config is the configuration file of a provider; config.example.yaml explains it.
type Config struct {
	Version   int       `yaml:"version"`
	Zone      string    `yaml:"zone"`
	Issuer    string    `yaml:"issuer"`
	TLS       wire.TLS  `yaml:"tls"`
	Public    Listener  `yaml:"public"`
	Internal  Listener  `yaml:"internal"`
	Ops       Listener  `yaml:"ops"`
	UIPath    string    `yaml:"ui_path"`
	Postgres  Postgres  `yaml:"postgres"`
	Etcd      Etcd      `yaml:"etcd"`
	Redis     Redis     `yaml:"redis"`
	HSM       HSM       `yaml:"hsm"`
	Secrets   Secrets   `yaml:"secrets"`
	Lifetimes Lifetimes `yaml:"lifetimes"`
}

// Listener is an address and the OUs of who may call it; none means everybody
// with a certificate.
type Listener struct {
	Listen  string   `yaml:"listen"`
	Callers []string `yaml:"callers"`
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
	Nodes []string  `yaml:"nodes"`
	TLS   *wire.TLS `yaml:"tls"`
}

// Secrets are files shared by all zones.
type Secrets struct {
	Pepper conf.File `yaml:"pepper_file"`
}

// Lifetimes of what the provider issues.
type Lifetimes struct {
	Transaction conf.Duration `yaml:"transaction"`
	Code        conf.Duration `yaml:"code"`
	IDToken     conf.Duration `yaml:"id_token"`
	AccessToken conf.Duration `yaml:"access_token"`
}

// Defaults returns what keys mean that a file does not have.
func Defaults() *Config {
	return &Config{
		UIPath:   "/ui",
		Postgres: Postgres{MaxConnections: 12},
		Etcd:     Etcd{Prefix: "/identity/"},
		Redis:    Redis{Master: "identity"},
		Lifetimes: Lifetimes{
			Transaction: conf.Duration(10 * time.Minute), Code: conf.Duration(time.Minute),
			IDToken: conf.Duration(5 * time.Minute), AccessToken: conf.Duration(5 * time.Minute),
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

func (c *Config) validateDatabase() []error {
	problems := []error{c.TLS.Validate("tls")}
	if c.Version != 1 {
		problems = append(problems, errors.New(`key "version": must be 1`))
	}
	if c.Postgres.MaxConnections < 1 {
		problems = append(problems, errors.New(`key "postgres.max_connections": must be at least 1`))
	}
	problems = append(problems, addresses("postgres.hosts", c.Postgres.Hosts)...)
	return append(problems, present(map[string]string{
		"postgres.database": c.Postgres.Database, "postgres.user": c.Postgres.User,
		"secrets.pepper_file": string(c.Secrets.Pepper),
	})...)
}

func (c *Config) validateProvider() []error {
	problems := present(map[string]string{
		"zone": c.Zone, "issuer": c.Issuer, "public.listen": c.Public.Listen, "internal.listen": c.Internal.Listen,
		"ops.listen": c.Ops.Listen, "redis.master": c.Redis.Master,
	})
	if issuer, err := url.Parse(c.Issuer); err != nil || issuer.Scheme != "https" || issuer.RawQuery != "" || strings.HasSuffix(c.Issuer, "/") {
		problems = append(problems, errors.New(`key "issuer": must be an https address without query and without / at its end`))
	}
	problems = append(problems, addresses("redis.sentinels", c.Redis.Sentinels)...)
	problems = append(problems, services("etcd.endpoints", c.Etcd.Endpoints)...)
	return append(problems, services("hsm.nodes", c.HSM.Nodes)...)
}

func present(values map[string]string) []error {
	var problems []error
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if values[key] == "" {
			problems = append(problems, fmt.Errorf("key %q: missing", key))
		}
	}
	return problems
}

func addresses(key string, values []string) []error {
	if len(values) == 0 {
		return []error{fmt.Errorf("key %q: at least one is needed", key)}
	}
	var problems []error
	for _, value := range values {
		if _, _, err := net.SplitHostPort(value); err != nil {
			problems = append(problems, fmt.Errorf("key %q: %q is not host:port", key, value))
		}
	}
	return problems
}

func services(key string, values []string) []error {
	if len(values) == 0 {
		return []error{fmt.Errorf("key %q: at least one is needed", key)}
	}
	var problems []error
	for _, value := range values {
		if parsed, err := url.Parse(value); err != nil || parsed.Scheme != "https" || parsed.Host == "" {
			problems = append(problems, fmt.Errorf("key %q: %q is not https://host:port", key, value))
		}
	}
	return problems
}

// or returns the section's own TLS files, or the component's.
func (c *Config) or(own *wire.TLS) wire.TLS {
	if own != nil {
		return *own
	}
	return c.TLS
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
