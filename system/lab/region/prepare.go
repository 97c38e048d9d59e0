package region

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"tocsin/system/lab/topology"
)

// prepareWithin bounds the making of the database and of what is in it.
const prepareWithin = 60 * time.Second

// tool runs a one-off command of the identity system.
func (r *Region) tool(args ...string) error {
	ctx, cancel := context.WithTimeout(r.ctx, prepareWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, programsInside+"/identity", args...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("identity %s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}

// prepare makes the database once its primary is up, and puts the clients of
// the lab into it.
func (r *Region) prepare(ctx context.Context) error {
	if err := r.createDatabase(ctx); err != nil {
		return err
	}
	config := r.site.Dir(topology.Pod{Zone: topology.Zones()[0], Component: topology.Identity}) + "/identity.yaml"
	if err := r.tool("migrate", "--config", config); err != nil {
		return err
	}
	return r.tool("seed", "--config", config, "--file", rootInside+"/seed.json")
}

// createDatabase makes the identity system's role and database.
func (r *Region) createDatabase(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, prepareWithin)
	defer cancel()
	leaf, err := r.authority.Issue("postgres", "lab", nil, nil)
	if err != nil {
		return err
	}
	tls, err := r.authority.Config(leaf)
	if err != nil {
		return err
	}
	for _, statement := range []string{"CREATE ROLE identity LOGIN", "GRANT pg_monitor TO identity", "CREATE DATABASE identity OWNER identity"} {
		if err := r.onPrimary(ctx, func(config *pgx.ConnConfig) { config.TLSConfig = tls }, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// onPrimary runs one statement as the superuser, at the primary.
func (r *Region) onPrimary(ctx context.Context, secure func(*pgx.ConnConfig), statement string) error {
	primary, found := r.primary(topology.Postgres)
	if !found {
		return errors.New("no Postgres primary")
	}
	config, err := pgx.ParseConfig("postgres://postgres@" + primary.At(topology.PortPostgres) + "/postgres?sslmode=require&connect_timeout=3")
	if err != nil {
		return fmt.Errorf("configure connection: %w", err)
	}
	secure(config)
	config.TLSConfig.ServerName = primary.Addr().String()
	connection, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", primary, err)
	}
	_, err = connection.Exec(ctx, statement)
	return errors.Join(err, connection.Close(ctx))
}
