package testrig

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sync/errgroup"

	"tocsin/system/hsm"
	"tocsin/system/identity"
	"tocsin/system/internal/conf"
)

// Rig is one of each part.
type Rig struct {
	CA                              *CA
	Ports                           *Ports
	Postgres, Etcd, Redis, Sentinel *Process

	// SQL runs a statement as the database's superuser.
	SQL func(ctx context.Context, statement string) error

	PostgresPort, EtcdPort, SentinelPort, HSMPort int
	redisPort                                     int

	dir     string
	hsmStop context.CancelFunc
	hsmDone chan error
}

// Start starts all parts side by side.
func Start(ctx context.Context) (*Rig, error) {
	dir, err := os.MkdirTemp("", "identity-rig")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // PostgreSQL runs as another user
		return nil, fmt.Errorf("open folder: %w", err)
	}
	r := &Rig{dir: dir, Ports: newPorts()}
	for _, port := range []*int{&r.PostgresPort, &r.EtcdPort, &r.SentinelPort, &r.HSMPort, &r.redisPort} {
		if *port, err = r.Ports.Free(); err != nil {
			return nil, err
		}
	}
	if r.CA, err = newCA(dir); err != nil {
		return nil, err
	}
	var group errgroup.Group
	for _, start := range []func(context.Context) error{r.startPostgres, r.startEtcd, r.startRedis, r.createHSM} {
		group.Go(func() error { return start(ctx) })
	}
	if err := group.Wait(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Close ends all parts and removes their files.
func (r *Rig) Close() error {
	var problems []error
	for _, process := range []*Process{r.Postgres, r.Etcd, r.Sentinel, r.Redis} {
		if process != nil {
			problems = append(problems, process.Kill())
		}
	}
	if r.hsmStop != nil {
		problems = append(problems, r.StopHSM())
	}
	return errors.Join(append(problems, os.RemoveAll(r.dir))...)
}

// Module is the SoftHSM library. It lives in the test process, so there is one
// HSM node, and a test can break the library behind its back.
const Module = "/usr/lib/softhsm/libsofthsm2.so"

func (r *Rig) hsmConfig() (*hsm.Config, error) {
	files, err := r.CA.Issue("hsm")
	if err != nil {
		return nil, err
	}
	return &hsm.Config{
		Version: 1, Zone: "a", Listen: address(r.HSMPort), TLS: files, Callers: []string{"identity"},
		PKCS11: hsm.PKCS11{
			Module: Module, TokenLabel: "identity", KeyLabel: "token-signing",
			PIN: conf.File(filepath.Join(r.dir, "pin")), SecurityOfficerPIN: conf.File(filepath.Join(r.dir, "pin")),
		},
		SoftHSM: hsm.SoftHSM{TokenDir: conf.Path(filepath.Join(r.dir, "tokens"))},
	}, nil
}

func (r *Rig) createHSM(context.Context) error {
	if _, err := os.Stat(Module); err != nil {
		return errors.New("SoftHSM is missing; install it: apt-get install softhsm2")
	}
	if err := os.WriteFile(filepath.Join(r.dir, "pin"), []byte("123456\n"), 0o600); err != nil {
		return err
	}
	config, err := r.hsmConfig()
	if err != nil {
		return err
	}
	if err := hsm.Init(config, io.Discard); err != nil {
		return err
	}
	return r.StartHSM()
}

// StartHSM serves the HSM node.
func (r *Rig) StartHSM() error {
	config, err := r.hsmConfig()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	r.hsmStop, r.hsmDone = stop, make(chan error, 1)
	go func() { r.hsmDone <- hsm.Run(ctx, config, io.Discard) }()
	return nil
}

// StopHSM ends the HSM node.
func (r *Rig) StopHSM() error {
	r.hsmStop()
	r.hsmStop = nil
	return <-r.hsmDone
}

// Config returns the configuration of a provider of zone on this rig, with
// listeners on free ports.
func (r *Rig) Config(zone, issuer string) (*identity.Config, error) {
	files, err := r.CA.Issue("identity")
	if err != nil {
		return nil, err
	}
	pepper := filepath.Join(r.dir, "pepper")
	if _, err := os.Stat(pepper); err != nil {
		if err := os.WriteFile(pepper, []byte(rand.Text()+rand.Text()), 0o600); err != nil {
			return nil, err
		}
	}
	config := identity.Defaults()
	config.Version, config.Zone, config.Issuer, config.TLS = 1, zone, issuer, files
	config.Postgres.Hosts, config.Postgres.Database, config.Postgres.User = []string{address(r.PostgresPort)}, "identity", "identity"
	config.Etcd.Endpoints = []string{"https://" + address(r.EtcdPort)}
	config.Redis.Sentinels = []string{address(r.SentinelPort)}
	config.HSM.Nodes = []string{"https://" + address(r.HSMPort)}
	config.Secrets.Pepper = conf.File(pepper)
	for into, callers := range map[*identity.Listener][]string{
		&config.Public: {"gateway"}, &config.Internal: {"ui"}, &config.Ops: nil,
	} {
		port, err := r.Ports.Free()
		if err != nil {
			return nil, err
		}
		*into = identity.Listener{Listen: "127.0.0.1:" + strconv.Itoa(port), Callers: callers}
	}
	return config, nil
}
