package testrig

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
fsync = off
`

func (r *Rig) startPostgres(ctx context.Context) error {
	as, err := unprivileged()
	if err != nil {
		return err
	}
	initdb, err := program("initdb", "postgresql")
	if err != nil {
		return err
	}
	server, err := program("postgres", "postgresql")
	if err != nil {
		return err
	}
	dir := filepath.Join(r.dir, "postgres")
	data := filepath.Join(dir, "data")
	files, err := r.CA.Issue("postgres")
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if as != nil {
		for _, path := range []string{dir, string(files.Key)} {
			if err := os.Chown(path, int(as.Uid), int(as.Gid)); err != nil {
				return fmt.Errorf("give PostgreSQL its files: %w", err)
			}
		}
	}
	if err := runAs(ctx, as, dir, initdb, "-D", data, "-U", "postgres", "-A", "trust", "-N", "--no-locale", "-E", "UTF8"); err != nil {
		return err
	}
	hba := "local all postgres trust\nhostssl all all 127.0.0.1/32 cert\n"
	if err := os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte(hba), 0o600); err != nil {
		return err
	}
	config := fmt.Sprintf(postgresConfig, r.PostgresPort, dir, files.Cert, files.Key, files.CA)
	if err := os.WriteFile(filepath.Join(data, "postgresql.auto.conf"), []byte(config), 0o600); err != nil {
		return err
	}
	if as != nil {
		for _, name := range []string{"pg_hba.conf", "postgresql.auto.conf"} {
			if err := os.Chown(filepath.Join(data, name), int(as.Uid), int(as.Gid)); err != nil {
				return err
			}
		}
	}
	r.SQL = func(ctx context.Context, statement string) error {
		return runAs(ctx, as, dir, "psql", "-X", "-q", "-h", dir, "-p", fmt.Sprint(r.PostgresPort), "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-c", statement)
	}
	r.Postgres = &Process{
		Name: "postgres", args: []string{server, "-D", data}, as: as, log: filepath.Join(r.dir, "postgres.log"),
		ready: func(ctx context.Context) error { return r.SQL(ctx, "SELECT 1") },
	}
	if err := r.Postgres.Start(ctx); err != nil {
		return err
	}
	for _, statement := range []string{"CREATE ROLE identity LOGIN", "GRANT pg_monitor TO identity", "CREATE DATABASE identity OWNER identity"} {
		if err := r.SQL(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func runAs(ctx context.Context, as *syscall.Credential, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

func (r *Rig) startEtcd(ctx context.Context) error {
	server, err := program("etcd", "etcd-server")
	if err != nil {
		return err
	}
	files, err := r.CA.Issue("etcd")
	if err != nil {
		return err
	}
	peer, err := r.Ports.Free()
	if err != nil {
		return err
	}
	client, peerURL := "https://"+address(r.EtcdPort), "http://"+address(peer)
	r.Etcd = &Process{
		Name: "etcd", log: filepath.Join(r.dir, "etcd.log"), ready: accepts(r.EtcdPort),
		args: []string{
			server, "--name=one", "--data-dir=" + filepath.Join(r.dir, "etcd"), "--unsafe-no-fsync",
			"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
			"--listen-peer-urls=" + peerURL, "--initial-advertise-peer-urls=" + peerURL, "--initial-cluster=one=" + peerURL,
			"--client-cert-auth", "--cert-file=" + string(files.Cert), "--key-file=" + string(files.Key), "--trusted-ca-file=" + string(files.CA),
		},
	}
	return r.Etcd.Start(ctx)
}

func (r *Rig) startRedis(ctx context.Context) error {
	server, err := program("redis-server", "redis-server")
	if err != nil {
		return err
	}
	files, err := r.CA.Issue("redis")
	if err != nil {
		return err
	}
	tls := []string{
		"port 0", "tls-cert-file " + string(files.Cert), "tls-key-file " + string(files.Key),
		"tls-ca-cert-file " + string(files.CA), "tls-auth-clients yes", "tls-replication yes", "bind 127.0.0.1",
	}
	r.Redis, err = r.redisProcess("redis", server, r.redisPort, append(tls, `save ""`))
	if err != nil {
		return err
	}
	if err := r.Redis.Start(ctx); err != nil {
		return err
	}
	monitor := fmt.Sprintf("sentinel monitor identity 127.0.0.1 %d 1", r.redisPort)
	r.Sentinel, err = r.redisProcess("sentinel", server, r.SentinelPort, append(tls, monitor, "sentinel down-after-milliseconds identity 1000"))
	if err != nil {
		return err
	}
	r.Sentinel.args = append(r.Sentinel.args, "--sentinel")
	return r.Sentinel.Start(ctx)
}

func (r *Rig) redisProcess(name, server string, port int, lines []string) (*Process, error) {
	file := filepath.Join(r.dir, name+".conf")
	lines = append(lines, fmt.Sprintf("tls-port %d", port), "dir "+r.dir)
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return nil, err
	}
	return &Process{Name: name, args: []string{server, file}, log: filepath.Join(r.dir, name+".log"), ready: accepts(port)}, nil
}
