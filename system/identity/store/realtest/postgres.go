package realtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// postgresConfig keeps the server small and safe to kill.
const postgresConfig = `
listen_addresses = '127.0.0.1'
port = %d
unix_socket_directories = '%s'
ssl = on
ssl_cert_file = '%s'
ssl_key_file = '%s'
ssl_ca_file = '%s'
shared_buffers = 16MB
max_connections = 100
fsync = %s
`

// hba lets in clients with a certificate, and standbys over the local socket.
const hba = `local all postgres trust
local replication postgres trust
hostssl all all 127.0.0.1/32 cert
`

// Postgres is one server with a database and a role named identity.
type Postgres struct {
	*Process
	Port int

	dir string
	as  *syscall.Credential
}

// StartPostgres starts a server that takes writes.
func (s *Site) StartPostgres(ctx context.Context, name string) (*Postgres, error) {
	initdb, err := program("initdb", "postgresql")
	if err != nil {
		return nil, err
	}
	server, err := s.newPostgres(name)
	if err != nil {
		return nil, err
	}
	if err := server.run(ctx, initdb, "-D", server.data(), "-U", "postgres", "-A", "trust", "-N", "--no-locale", "-E", "UTF8"); err != nil {
		return nil, err
	}
	if err := s.startPostgres(ctx, server); err != nil {
		return nil, err
	}
	for _, statement := range []string{"CREATE ROLE identity LOGIN", "GRANT pg_monitor TO identity", "CREATE DATABASE identity OWNER identity"} {
		if err := server.SQL(ctx, statement); err != nil {
			return nil, err
		}
	}
	return server, nil
}

// StartStandby starts a server that streams from primary.
func (s *Site) StartStandby(ctx context.Context, name string, primary *Postgres) (*Postgres, error) {
	backup, err := program("pg_basebackup", "postgresql")
	if err != nil {
		return nil, err
	}
	server, err := s.newPostgres(name)
	if err != nil {
		return nil, err
	}
	source := fmt.Sprintf("host=%s port=%d user=postgres application_name=%s", primary.dir, primary.Port, name)
	if err := server.run(ctx, backup, "-d", source, "-D", server.data(), "-R", "-X", "stream", "-c", "fast"); err != nil {
		return nil, err
	}
	return server, s.startPostgres(ctx, server)
}

// SQL runs a statement as the superuser, in the database identity where it exists.
func (p *Postgres) SQL(ctx context.Context, statement string) error {
	_, err := p.Query(ctx, "postgres", statement)
	return err
}

// Query runs a statement as the superuser and returns the bare values it gives.
func (p *Postgres) Query(ctx context.Context, database, statement string) (string, error) {
	out, err := runAs(ctx, p.as, p.dir, "psql", "-X", "-q", "-t", "-A", "-h", p.dir, "-p", fmt.Sprint(p.Port),
		"-U", "postgres", "-d", database, "-v", "ON_ERROR_STOP=1", "-c", statement)
	return strings.TrimSpace(out), err
}

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }

func (p *Postgres) run(ctx context.Context, name string, args ...string) error {
	_, err := runAs(ctx, p.as, p.dir, name, args...)
	return err
}

func (s *Site) newPostgres(name string) (*Postgres, error) {
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	port, err := s.Ports.Free()
	if err != nil {
		return nil, err
	}
	server := &Postgres{Port: port, dir: filepath.Join(s.dir, name), as: as}
	if err := os.Mkdir(server.dir, 0o755); err != nil {
		return nil, err
	}
	return server, give(as, server.dir)
}

// startPostgres writes the configuration over that of initdb or of the server
// that a standby was copied from, and starts the server.
func (s *Site) startPostgres(ctx context.Context, p *Postgres) error {
	binary, err := program("postgres", "postgresql")
	if err != nil {
		return err
	}
	files, err := s.CA.Issue("postgres")
	if err != nil {
		return err
	}
	fsync := "off"
	if s.Durable {
		fsync = "on"
	}
	config := fmt.Sprintf(postgresConfig, p.Port, p.dir, files.Cert, files.Key, files.CA, fsync)
	access, settings := filepath.Join(p.data(), "pg_hba.conf"), filepath.Join(p.data(), "site.conf")
	if err := os.WriteFile(access, []byte(hba), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(settings, []byte(config), 0o600); err != nil {
		return err
	}
	if err := give(p.as, access, settings, string(files.Key)); err != nil {
		return err
	}
	name := filepath.Base(p.dir)
	p.Process = s.own(&Process{
		Name: name, as: p.as, log: filepath.Join(s.dir, name+".log"),
		args:  []string{binary, "-D", p.data(), "-c", "config_file=" + settings, "-c", "hba_file=" + access},
		ready: func(ctx context.Context) error { return p.SQL(ctx, "SELECT 1") },
	})
	return p.Start(ctx)
}

// give makes files those of the user that the server runs as.
func give(as *syscall.Credential, files ...string) error {
	if as == nil {
		return nil
	}
	for _, file := range files {
		if err := os.Chown(file, int(as.Uid), int(as.Gid)); err != nil {
			return fmt.Errorf("give PostgreSQL its files: %w", err)
		}
	}
	return nil
}

func runAs(ctx context.Context, as *syscall.Credential, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return string(out), nil
}
