package region

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/jackc/pgx/v5"

	"tocsin/system/lab/topology"
)

// ProbeAccount is the person that the harness and people log in as, and PINFile
// the file of the state folder with the PIN of every person of the lab.
const (
	ProbeAccount = "1000000001"
	PINFile      = "pin"
)

// The synthetic client and the range of persons that load logs in as.
const (
	clientID     = "tocsin-synthetic"
	firstLoad    = "2000000000"
	loadAccounts = 2000
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

// prepare makes the database once its primary is up, and puts the clients and
// persons of the lab into it.
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

// enrol draws the synthetic client's key and the PIN of the lab's persons, and
// writes both for the harness and, as seed.json, for the identity system.
func (r *Region) enrol() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("generate client key: %w", err)
	}
	private := jose.JSONWebKey{Key: key, KeyID: clientID + "-1", Algorithm: string(jose.ES256), Use: "sig"}
	digits, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return fmt.Errorf("draw PIN: %w", err)
	}
	pin := fmt.Sprintf("%06d", digits)
	type person struct {
		IndividualID string            `json:"individual_id"`
		PIN          string            `json:"pin"`
		Claims       map[string]string `json:"claims"`
	}
	seed := map[string]any{
		"clients": []map[string]any{{
			"id": clientID, "name": "Tocsin synthetic logins",
			"redirect_uris": []string{r.order.Issuer + "/synthetic/callback"},
			"jwks":          jose.JSONWebKeySet{Keys: []jose.JSONWebKey{private.Public()}},
			"scopes":        []string{"openid", "profile", "grant_management_query"},
			"grant_types":   []string{"authorization_code", "client_credentials"},
		}},
		"persons": []person{{ProbeAccount, pin, map[string]string{
			"name": "Ada Sounder", "given_name": "Ada", "family_name": "Sounder", "birthdate": "1990-01-01",
		}}},
		"ranges": []map[string]any{{"first": firstLoad, "count": loadAccounts, "pin": pin}},
	}
	seedText, seedErr := json.Marshal(seed)
	keyText, keyErr := json.Marshal(private)
	if err := errors.Join(seedErr, keyErr); err != nil {
		return fmt.Errorf("encode seed: %w", err)
	}
	for name, content := range map[string][]byte{"client.jwk": keyText, PINFile: []byte(pin + "\n"), "seed.json": seedText} {
		if err := os.WriteFile(rootInside+"/"+name, content, 0o600); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}
