package identity

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
)

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
	})...)
}

func (c *Config) validateProvider() []error {
	problems := present(map[string]string{
		"zone": c.Zone, "issuer": c.Issuer, "public.listen": c.Public.Listen, "internal.listen": c.Internal.Listen,
		"ops.listen": c.Ops.Listen, "redis.master": c.Redis.Master, "secrets.pepper_file": string(c.Secrets.Pepper),
		"authenticator.name": c.Authenticator.Name, "authenticator.sha256": c.Authenticator.SHA256,
		"credentials.status_list_dir": string(c.Credentials.StatusLists),
	})
	if len(c.Authenticator.Command) == 0 {
		problems = append(problems, errors.New(`key "authenticator.command": missing`))
	}
	if life := c.Lifetimes.AccessToken.Std(); life <= 0 || life > maxAccessLife {
		problems = append(problems, fmt.Errorf(`key "lifetimes.access_token": %s is not within (0, %s]`, life, maxAccessLife))
	}
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
