package hsm

import (
	"context"
	"crypto/x509"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/hsm/protocol"
	"tocsin/system/identity/jws"
	"tocsin/system/identity/keyset"
)

// memory is a key ring in memory.
type memory struct {
	mu       sync.Mutex
	text     []byte
	revision int64
}

func (m *memory) Load(context.Context) ([]byte, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text, m.revision, nil
}

func (m *memory) Swap(_ context.Context, revision int64, text []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.revision != revision {
		return keyset.ErrConflict
	}
	m.text, m.revision = text, revision+1
	return nil
}

// TestKeyRingOverNodes has a keeper look after the keys of three real nodes,
// one of which is away at first.
func TestKeyRingOverNodes(t *testing.T) {
	ca := newAuthority(t)
	file := filepath.Join(t.TempDir(), "nodes.pem")
	a, b, c := newSite(t, ca, file), newSite(t, ca, file), newSite(t, ca, file)
	for _, s := range []*site{a, b, c} {
		s.admin = "identity"
		s.init(t)
	}
	approve(t, file, a, b, c)
	approved, err := protocol.LoadApproved(file)
	if err != nil {
		t.Fatal(err)
	}
	hsm := ca.client(t, "identity", a.url, b.url, c.url)
	a.start(t, hsm)
	b.start(t, hsm)

	var ahead time.Duration
	set, err := keyset.NewSet(keyset.Config{
		Issuer: "https://id.example", Country: "UT", Organization: "Utopia", Approved: approved,
		Now: func() time.Time { return time.Now().Add(ahead) },
	})
	if err != nil {
		t.Fatal(err)
	}
	keeper := keyset.NewKeeper(set, &memory{}, hsm, slog.New(slog.DiscardHandler))
	step := func() {
		t.Helper()
		if err := keeper.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	signer, verifier := jws.NewSigner(hsm, set), jws.NewVerifier(set)
	signs := func() {
		t.Helper()
		for _, algorithm := range protocol.Algorithms() {
			token, err := signer.Sign(t.Context(), keyset.Token, algorithm, "at+jwt", nil, map[string]string{"sub": "alice"})
			if err != nil {
				t.Fatal(err)
			}
			if err := verifier.Verify(token, "at+jwt", &map[string]string{}); err != nil {
				t.Errorf("%s: %v", algorithm, err)
			}
		}
	}
	step()
	signs()
	chain, _, err := set.Chain()
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(chain[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := leaf.CheckSignatureFrom(root); err != nil {
		t.Errorf("the chain that the nodes signed: %v", err)
	}

	a.kill(t) // the node that made the keys
	c.start(t, hsm)
	step()
	signs()
	b.kill(t)
	signs() // with what c took through the ring

	a.start(t, hsm)
	b.start(t, hsm)
	if err := keeper.Rotate(t.Context(), keyset.Token); err != nil {
		t.Fatal(err)
	}
	before, err := set.Signing(keyset.Token, jose.PS256)
	if err != nil {
		t.Fatal(err)
	}
	ahead = time.Hour
	step()
	after, err := set.Signing(keyset.Token, jose.PS256)
	if err != nil {
		t.Fatal(err)
	}
	if before.KeyID == after.KeyID {
		t.Error("the next key did not become current")
	}
	signs()

	if err := keeper.RotateNow(t.Context(), keyset.Token); err != nil {
		t.Fatal(err)
	}
	ahead += time.Minute
	step()
	urgent, err := set.Signing(keyset.Token, jose.PS256)
	if err != nil {
		t.Fatal(err)
	}
	if urgent.KeyID == after.KeyID {
		t.Error("the urgent key did not become current")
	}
	signs()
}
