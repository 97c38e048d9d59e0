package postgres_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/clients"
	"tocsin/system/identity/grant"
	"tocsin/system/identity/store"
	"tocsin/system/identity/store/postgres"
	"tocsin/system/identity/store/realtest"
	"tocsin/system/identity/storetest"
)

// shared is the servers that the tests use, in order.
var shared struct {
	site             *realtest.Site
	primary, standby *realtest.Postgres
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	site, err := realtest.NewSite()
	if err == nil {
		shared.site = site
		defer site.Close()
		err = prepare(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func prepare(ctx context.Context) (err error) {
	if shared.primary, err = shared.site.StartPostgres(ctx, "primary"); err != nil {
		return err
	}
	if shared.standby, err = shared.site.StartStandby(ctx, "standby", shared.primary); err != nil {
		return err
	}
	db, err := openAt(ctx, "identity", shared.primary.Port)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Migrate(ctx)
}

func openAt(ctx context.Context, database string, ports ...int) (*postgres.DB, error) {
	files, err := shared.site.CA.Issue("identity")
	if err != nil {
		return nil, err
	}
	config := postgres.Config{Database: database, User: "identity", TLS: files, MaxConnections: 4}
	for _, port := range ports {
		config.Hosts = append(config.Hosts, realtest.Address(port))
	}
	return postgres.Open(ctx, config)
}

func open(t testing.TB, ports ...int) *postgres.DB {
	t.Helper()
	db, err := openAt(context.WithoutCancel(t.Context()), "identity", ports...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func TestContracts(t *testing.T) {
	a, b := open(t, shared.primary.Port, shared.standby.Port), open(t, shared.standby.Port, shared.primary.Port)
	t.Run("grants", func(t *testing.T) { storetest.Grants(t, a, b) })
	t.Run("clients", func(t *testing.T) { storetest.Clients(t, a, b) })
	t.Run("records", func(t *testing.T) { storetest.Records(t, postgres.NewRecords(a), postgres.NewRecords(b)) })
}

func TestContractsOverBadNetwork(t *testing.T) {
	network, err := shared.site.Network(shared.primary.Port, shared.standby.Port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(network.Close)
	behind, direct := open(t, network.Ports...), open(t, shared.primary.Port, shared.standby.Port)
	t.Run("grants", func(t *testing.T) { storetest.GrantsFaults(t, network, behind, direct) })
	t.Run("clients", func(t *testing.T) { storetest.ClientsFaults(t, network, behind, direct) })
	t.Run("records", func(t *testing.T) {
		storetest.RecordsFaults(t, network, postgres.NewRecords(behind), postgres.NewRecords(direct))
	})
}

func someGrant() *grant.Grant {
	return &grant.Grant{ID: rand.Text(), ClientID: rand.Text(), Person: "p", Scopes: []string{"openid"}, Claims: []string{"name"}, Allowed: []string{"name"}}
}

func someClient() *clients.Client {
	return &clients.Client{
		ID: rand.Text(), Name: "n", RedirectURIs: []string{"https://c.example/cb"}, Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}},
		Scopes: []string{"openid"}, GrantTypes: []string{"authorization_code"},
	}
}

// stored saves a consent and a client and waits until the standby has them.
func stored(t *testing.T) (*grant.Grant, *clients.Client) {
	t.Helper()
	db, standby := open(t, shared.primary.Port), open(t, shared.standby.Port)
	g, client := someGrant(), someClient()
	await(t, func() error { return db.Save(t.Context(), g) })
	await(t, func() error { return db.CreateClient(t.Context(), client) })
	await(t, func() error { _, err := standby.Latest(t.Context(), g.ClientID, g.Person); return err })
	await(t, func() error {
		all, err := standby.Clients(t.Context(), 1000)
		for _, one := range all {
			if one.ID == client.ID {
				return err
			}
		}
		return errors.Join(errors.New("the standby lacks the client"), err)
	})
	return g, client
}

// TestReadsOfALoginNeedNoPrimary is the promise to returning users.
func TestReadsOfALoginNeedNoPrimary(t *testing.T) {
	for _, outage := range []struct {
		name       string
		begin, end func() error
		patience   time.Duration // for most pairs of reads, connecting included
	}{
		{"is dead", shared.primary.Kill, func() error { return shared.primary.Start(context.Background()) }, 400 * time.Millisecond},
		{"is frozen", shared.primary.Freeze, shared.primary.Thaw, 400 * time.Millisecond},
	} {
		t.Run("the primary "+outage.name, func(t *testing.T) {
			g, client := stored(t)
			db := open(t, shared.primary.Port, shared.standby.Port) // it prefers the one that fails
			if _, err := db.Client(t.Context(), client.ID); err != nil {
				t.Fatal(err)
			}
			if err := outage.begin(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := outage.end(); err != nil {
					t.Error(err)
				}
			}()
			// One read may have to wait for a processor; most must not wait at all, and
			// none for a server that does not answer.
			var took []time.Duration
			for range 20 {
				started := time.Now()
				got, err := db.Latest(t.Context(), g.ClientID, g.Person)
				if err != nil || got.ID != g.ID {
					t.Errorf("consent: %+v, %v", got, err)
				}
				if _, err := db.Client(t.Context(), client.ID); err != nil {
					t.Errorf("client: %v", err)
				}
				took = append(took, time.Since(started))
			}
			slices.Sort(took)
			if usual, longest := took[len(took)/2], took[len(took)-1]; usual > outage.patience || longest > 8*outage.patience {
				t.Errorf("two reads took %s, and %s at most", usual, longest)
			}
			if _, err := db.Client(t.Context(), rand.Text()); err == nil || errors.Is(err, store.ErrNotFound) {
				t.Errorf("that there is no client cannot be known now: %v", err)
			}
			if err := db.Save(t.Context(), someGrant()); err == nil || postgres.Refused(err) {
				t.Errorf("a save in the outage: %v", err)
			}
			if count, err := db.Readable(t.Context()); err != nil || count != 1 {
				t.Errorf("%d servers readable, %v", count, err)
			}
		})
	}
}

// TestASuccessorIsBelieved gives a primary a successor that it has not heard of,
// and makes a writer that prefers it look again: both say that they take writes.
func TestASuccessorIsBelieved(t *testing.T) {
	successor, err := shared.site.StartStandby(t.Context(), "successor-"+rand.Text(), shared.primary)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := successor.Kill(); err != nil {
			t.Error(err)
		}
	})
	db := open(t, shared.primary.Port, successor.Port)
	await(t, func() error { return db.Save(t.Context(), someGrant()) })
	await(t, func() error { _, err := db.Readable(t.Context()); return err }) // opens the connections of reads
	if err := successor.SQL(t.Context(), "SELECT pg_promote()"); err != nil {
		t.Fatal(err)
	}
	if err := shared.primary.SQL(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%INSERT INTO grants%' AND pid <> pg_backend_pid()"); err != nil {
		t.Fatal(err)
	}
	g := someGrant()
	if err := db.Save(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	for server, want := range map[*realtest.Postgres]string{successor: "1", shared.primary: "0"} {
		if got, err := server.Query(t.Context(), "identity", "SELECT count(*) FROM grants WHERE id = '"+g.ID+"'"); err != nil || got != want {
			t.Errorf("a server has %s of the grant, %v; want %s", got, err, want)
		}
	}
}

// TestLaggingStandbyGivesNoVerdict stops the standby from taking in what it gets.
func TestLaggingStandbyGivesNoVerdict(t *testing.T) {
	db := open(t, shared.standby.Port, shared.primary.Port)
	replay := func(statement string) {
		t.Helper()
		if err := shared.standby.SQL(context.WithoutCancel(t.Context()), "SELECT pg_wal_replay_"+statement+"()"); err != nil {
			t.Fatal(err)
		}
	}
	await(t, func() error { return db.Save(t.Context(), someGrant()) })
	replay("pause")
	defer replay("resume")
	g, client := someGrant(), someClient()
	if err := db.Save(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	if err := db.CreateClient(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Client(t.Context(), client.ID); err != nil {
		t.Errorf("client that the standby lacks: %v", err)
	}
	if _, err := db.Grant(t.Context(), g.ID); err != nil {
		t.Errorf("grant that the standby lacks: %v", err)
	}
	if _, err := db.Latest(t.Context(), g.ClientID, g.Person); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the standby took the grant in, so nothing was tested: %v", err)
	}
}

// TestWritesAreAcknowledgedOnlyWhenReplicated makes commits wait for a standby
// that does not exist. Waiting in vain is an error, and so is a wait that an
// administrator cancels, after which the server says "committed" and warns.
func TestWritesAreAcknowledgedOnlyWhenReplicated(t *testing.T) {
	db := open(t, shared.primary.Port)
	known := someClient()
	await(t, func() error { return db.CreateClient(t.Context(), known) })
	awaitStandbys(t, "nobody")
	defer awaitStandbys(t, "")
	// The server takes the setting up a moment after it was told to.
	await(t, func() error {
		if err := db.Save(t.Context(), someGrant()); err == nil {
			return errors.New("a grant that nobody replicated is acknowledged")
		}
		return nil
	})
	for name, write := range map[string]func() error{
		"a grant":  func() error { return db.Save(t.Context(), someGrant()) },
		"a client": func() error { return db.CreateClient(t.Context(), someClient()) },
		"a change of a client": func() error {
			_, err := db.ChangeClient(t.Context(), known.ID, func(c *clients.Client) error { c.Name += "."; return nil })
			return err
		},
		"seeded clients": func() error { return db.PutClients(t.Context(), []clients.Client{*someClient()}) },
		"an issuance":    func() error { return postgres.NewRecords(db).Issue(t.Context(), someIssuance()) },
	} {
		t.Run(name+" whose wait was cancelled is not acknowledged", func(t *testing.T) {
			ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
			cancelled := make(chan error, 1)
			go func() { cancelled <- cancelWaits(ctx) }()
			if err := write(); err == nil || postgres.Refused(err) {
				t.Errorf("got %v", err)
			}
			stop()
			if err := <-cancelled; err != nil {
				t.Error(err)
			}
		})
	}
}

// awaitStandbys makes every commit wait for the standbys of these names.
func awaitStandbys(t *testing.T, names string) {
	t.Helper()
	for _, statement := range []string{"ALTER SYSTEM SET synchronous_standby_names = '" + names + "'", "SELECT pg_reload_conf()"} {
		if err := shared.primary.SQL(context.WithoutCancel(t.Context()), statement); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAWriteKeepsItsConnectionWithoutItsCaller makes a commit wait for a standby
// that does not exist, and its caller go away meanwhile.
func TestAWriteKeepsItsConnectionWithoutItsCaller(t *testing.T) {
	db := open(t, shared.primary.Port)
	await(t, func() error { return db.Save(t.Context(), someGrant()) })
	awaitStandbys(t, "nobody")
	defer awaitStandbys(t, "")
	const waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
	var pid string
	saved := make(chan error, 1)
	await(t, func() error {
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		go func() { saved <- db.Save(ctx, someGrant()) }()
		for range 10 { // the server takes the setting up a moment after it was told to
			var err error
			if pid, err = shared.primary.Query(t.Context(), "postgres", waiting); err != nil || pid != "" {
				return err
			}
		}
		return errors.Join(errors.New("no commit waits"), <-saved)
	})
	awaitStandbys(t, "")
	if err := <-saved; err != nil {
		t.Errorf("the write was given up with its caller: %v", err)
	}
	if left, err := shared.primary.Query(t.Context(), "postgres", "SELECT count(*) FROM pg_stat_activity WHERE pid = "+pid); err != nil || left != "1" {
		t.Errorf("%s of the connection is left, %v", left, err)
	}
}

// TestASlowPrimaryCostsOneConnection lets one write wait for a standby for
// longer than it may, beside connections that others have opened.
func TestASlowPrimaryCostsOneConnection(t *testing.T) {
	db := open(t, shared.primary.Port)
	await(t, func() error { return db.Save(t.Context(), someGrant()) })
	backends := func() []string {
		t.Helper()
		pids, err := shared.primary.Query(t.Context(), "postgres", "SELECT pid FROM pg_stat_activity WHERE usename = 'identity'")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(pids)
	}
	awaitStandbys(t, "nobody")
	defer awaitStandbys(t, "")
	const together = 4
	saved := make(chan error, together)
	await(t, func() error {
		for range together {
			go func() { saved <- db.Save(t.Context(), someGrant()) }()
		}
		for range 10 { // the server takes the setting up a moment after it was told to
			count, err := shared.primary.Query(t.Context(), "postgres", "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
			if err != nil || count == fmt.Sprint(together) {
				return err
			}
		}
		problem := errors.New("writes do not wait together")
		for range together {
			problem = errors.Join(problem, <-saved)
		}
		return problem
	})
	awaitStandbys(t, "")
	for range together {
		if err := <-saved; err != nil {
			t.Fatal(err)
		}
	}
	before := backends()
	awaitStandbys(t, "nobody")
	await(t, func() error {
		if err := db.Save(t.Context(), someGrant()); !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("a write without its standby: %w, want a timeout", err)
		}
		return nil
	})
	awaitStandbys(t, "")
	await(t, func() error { return db.Save(t.Context(), someGrant()) })
	after := backends()
	if gone := slices.DeleteFunc(before, func(pid string) bool { return slices.Contains(after, pid) }); len(gone) > 1 {
		t.Errorf("%d connections were given up, want the one that waited", len(gone))
	}
}

// cancelWaits cancels every wait for replication until ctx ends.
func cancelWaits(ctx context.Context) error {
	for {
		err := shared.primary.SQL(ctx, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cancel waits: %w", err)
		}
	}
}

func TestCopies(t *testing.T) {
	db := open(t, shared.primary.Port)
	await(t, func() error {
		if count, err := db.Copies(t.Context()); err != nil || count != 1 { // its standby is asynchronous
			return fmt.Errorf("%d copies, %w", count, err)
		}
		return nil
	})
	if _, err := open(t, shared.standby.Port).Copies(t.Context()); err == nil {
		t.Error("a standby alone is a place for writes")
	}
}

func await(t testing.TB, check func() error) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-time.After(20 * time.Millisecond)
	}
}
