package testrig

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sync/errgroup"

	"tocsin/system/authenticator/host"
	"tocsin/system/authenticator/mockid"
	"tocsin/system/hsm"
	"tocsin/system/identity"
	"tocsin/system/identity/store/realtest"
	"tocsin/system/internal/conf"
)

// Rig is one of each part.
type Rig struct {
	*realtest.Site
	// Standby streams from Postgres and takes reads.
	Postgres, Standby *realtest.Postgres
	Etcd              *realtest.Etcd
	Redis             *realtest.Redis
	HSMPort           int

	people  *mockid.File
	hsmStop context.CancelFunc
	hsmDone chan error
}

// plugin is the argument by which a test binary is the authenticator plug-in.
const plugin = "mock-id"

// Plugin is the whole life of a test binary that a provider started as its
// authenticator plug-in; every TestMain that starts a rig calls it first.
func Plugin() {
	if len(os.Args) < 2 || os.Args[1] != plugin {
		return
	}
	if err := mockid.Main(context.Background(), os.Args[2:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Start starts all parts side by side. The mock ID system knows people.
func Start(ctx context.Context, people *mockid.File) (*Rig, error) {
	site, err := realtest.NewSite()
	if err != nil {
		return nil, err
	}
	r := &Rig{Site: site, people: people}
	if r.HSMPort, err = r.Ports.Free(); err != nil {
		return nil, errors.Join(err, site.Close())
	}
	var group errgroup.Group
	group.Go(func() (err error) {
		if r.Postgres, err = site.StartPostgres(ctx, "postgres"); err != nil {
			return err
		}
		r.Standby, err = site.StartStandby(ctx, "standby", r.Postgres)
		return err
	})
	group.Go(func() (err error) {
		r.Etcd, err = site.StartEtcd(ctx, 1)
		return err
	})
	group.Go(func() (err error) {
		r.Redis, err = site.StartRedis(ctx)
		return err
	})
	group.Go(r.createHSM)
	group.Go(r.introduce)
	if err := group.Wait(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Close ends all parts and removes their files.
func (r *Rig) Close() error {
	var problem error
	if r.hsmStop != nil {
		problem = r.StopHSM()
	}
	return errors.Join(problem, r.Site.Close())
}

func (r *Rig) path(name string) string { return filepath.Join(r.Dir(), name) }

// Module is the SoftHSM library. It lives in the test process, so there is one
// HSM node, and a test can break the library behind its back.
const Module = "/usr/lib/softhsm/libsofthsm2.so"

func (r *Rig) hsmConfig() (*hsm.Config, error) {
	files, err := r.CA.Issue("hsm")
	if err != nil {
		return nil, err
	}
	return &hsm.Config{
		Version: 1, Zone: "a", Listen: realtest.Address(r.HSMPort), TLS: files,
		Callers: []string{"identity"}, Admins: []string{"identity"},
		PKCS11: hsm.PKCS11{
			Module: Module, TokenLabel: "identity", RSABits: 2048, // quicker to make than what operations use
			PIN: conf.File(r.path("pin")), SecurityOfficerPIN: conf.Path(r.path("pin")),
		},
		Sharing: hsm.Sharing{Own: conf.Path(r.path("node.pem")), Approved: conf.Path(r.path("node.pem"))},
		SoftHSM: hsm.SoftHSM{TokenDir: conf.Path(r.path("tokens"))},
	}, nil
}

func (r *Rig) createHSM() error {
	if _, err := os.Stat(Module); err != nil {
		return errors.New("SoftHSM is missing; install it: apt-get install softhsm2")
	}
	if err := os.WriteFile(r.path("pin"), []byte("123456\n"), 0o600); err != nil {
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

// Outbox is where the one-time codes of the mock ID system arrive.
func (r *Rig) Outbox() string { return r.path("outbox.jsonl") }

// introduce writes the files of the mock ID system, and the pepper.
func (r *Rig) introduce() error {
	persons, err := json.Marshal(map[string]any{"persons": people(r.people.Persons), "ranges": ranges(r.people.Ranges)})
	if err != nil {
		return fmt.Errorf("encode persons: %w", err)
	}
	config := "version: 1\nsecret_file: mock-id.secret\npersons_file: persons.json\noutbox_file: outbox.jsonl\n"
	for name, content := range map[string]string{
		"persons.json": string(persons), "mock-id.yaml": config,
		"mock-id.secret": rand.Text() + rand.Text(), "pepper": rand.Text() + rand.Text(),
	} {
		if err := os.WriteFile(r.path(name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func people(persons []mockid.Person) []map[string]any {
	all := []map[string]any{}
	for _, p := range persons {
		all = append(all, map[string]any{"individual_id": p.IndividualID, "pin": p.PIN, "email": p.Email, "phone": p.Phone, "claims": p.Claims})
	}
	return all
}

func ranges(of []mockid.Range) []map[string]any {
	all := []map[string]any{}
	for _, r := range of {
		all = append(all, map[string]any{"first": r.First, "count": r.Count, "pin": r.PIN})
	}
	return all
}

// Config returns the configuration of a provider of zone on this rig, with
// listeners on free ports.
func (r *Rig) Config(zone, issuer string) (*identity.Config, error) {
	files, err := r.CA.Issue("identity")
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the plug-in: %w", err)
	}
	digest, err := host.Digest(self)
	if err != nil {
		return nil, err
	}
	config := identity.Defaults()
	config.Version, config.Zone, config.Issuer, config.TLS = 1, zone, issuer, files
	config.Authenticator.Name, config.Authenticator.SHA256 = mockid.Name, digest
	config.Authenticator.Command = []string{self, plugin, "--config", r.path("mock-id.yaml")}
	config.Postgres.Hosts, config.Postgres.Database, config.Postgres.User = []string{realtest.Address(r.Postgres.Port), realtest.Address(r.Standby.Port)}, "identity", "identity"
	config.Etcd.Endpoints = r.Etcd.Endpoints
	config.Redis.Sentinels = []string{realtest.Address(r.Redis.SentinelPort)}
	config.HSM.Nodes = []string{"https://" + realtest.Address(r.HSMPort)}
	config.HSM.Approved = conf.File(r.path("node.pem"))
	config.Secrets.Pepper = conf.File(r.path("pepper"))
	config.Texts = conf.Path(r.path("texts-" + zone + ".yaml")) // not there, unless a test writes it
	config.Credentials.StatusLists = conf.Path(r.path("status-" + zone))
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
