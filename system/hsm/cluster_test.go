package hsm

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"tocsin/system/hsm/client"
	"tocsin/system/internal/conf"
	"tocsin/system/internal/wire"
)

const module = "/usr/lib/softhsm/libsofthsm2.so"

// authority signs the certificates of a test.
type authority struct {
	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(a.dir, "ca.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return a
}

// issue makes a certificate with the organizational unit.
func (a *authority) issue(t testing.TB, unit string) wire.TLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: unit, OrganizationalUnit: []string{unit}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	stem := filepath.Join(a.dir, rand.Text())
	write(t, stem+".pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	write(t, stem+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
	return wire.TLS{Cert: conf.File(stem + ".pem"), Key: conf.File(stem + ".key"), CA: conf.File(filepath.Join(a.dir, "ca.pem"))}
}

// client returns a client with a certificate of the unit.
func (a *authority) client(t testing.TB, unit string, urls ...string) *client.Client {
	t.Helper()
	config, err := a.issue(t, unit).Client()
	if err != nil {
		t.Fatal(err)
	}
	return closing(t, client.New(urls, config))
}

func closing(t testing.TB, c *client.Client) *client.Client {
	t.Cleanup(c.Close)
	return c
}

// tlsConfig is that of a client of the unit.
func (a *authority) tlsConfig(t testing.TB, unit string) *tls.Config {
	t.Helper()
	config, err := a.issue(t, unit).Client()
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// site is one node with a folder of its own.
type site struct {
	dir, url, config string
	address          string
	files            wire.TLS
	approved         string
	// admin is the unit that may make keys; keeper unless set before init.
	admin   string
	process *exec.Cmd
}

// newSite prepares a node of which the approved nodes are in the file approved.
func newSite(t testing.TB, a *authority, approved string) *site {
	t.Helper()
	if _, err := os.Stat(module); err != nil {
		t.Fatal("SoftHSM is missing; install it: apt-get install softhsm2")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s := &site{
		dir: t.TempDir(), address: address, url: "https://" + address, files: a.issue(t, "hsm"),
		approved: approved, admin: "keeper",
	}
	s.config = filepath.Join(s.dir, "config.yaml")
	write(t, filepath.Join(s.dir, "pin"), []byte("123456\n"))
	return s
}

// command is the test program in a role.
func (s *site) command(role string) *exec.Cmd {
	command := exec.Command(os.Args[0], s.config)
	command.Env = append(os.Environ(), roleVariable+"="+role)
	command.Stderr = os.Stderr
	return command
}

// init writes the configuration and makes the token. The security officer's PIN
// is gone after that, as after a ceremony.
func (s *site) init(t testing.TB) {
	t.Helper()
	officer := filepath.Join(s.dir, "so-pin")
	write(t, officer, []byte("654321\n"))
	write(t, s.config, fmt.Appendf(nil, `version: 1
zone: a
listen: %s
tls: {cert_file: %s, key_file: %s, ca_file: %s}
callers: [identity]
admins: [%s]
pkcs11: {module: %s, token_label: identity, pin_file: pin, so_pin_file: so-pin, rsa_bits: 2048}
sharing: {own_file: node.pem, approved_file: %s}
softhsm: {token_dir: tokens}
drills: true
`, s.address, s.files.Cert, s.files.Key, s.files.CA, s.admin, module, s.approved))
	if err := s.command("init").Run(); err != nil {
		t.Fatalf("create token: %v", err)
	}
	if err := os.Remove(officer); err != nil {
		t.Fatal(err)
	}
}

// start serves the node and waits until it does.
func (s *site) start(t testing.TB, c *client.Client) {
	t.Helper()
	s.process = s.command("node")
	s.process.Stderr = nil
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.kill(t) })
	s.await(t, c)
}

func (s *site) await(t testing.TB, c *client.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		_, err := c.Keys(ctx, s.url)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("node does not serve: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// kill ends the node the hard way, once.
func (s *site) kill(t testing.TB) {
	t.Helper()
	if s.process == nil {
		return
	}
	if err := s.process.Process.Kill(); err != nil {
		t.Errorf("kill node: %v", err)
	}
	if err := s.process.Wait(); err == nil {
		t.Error("node ended by itself")
	}
	s.process = nil
}

func write(t testing.TB, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// approve is the key ceremony: it brings the public keys of nodes together.
func approve(t testing.TB, file string, sites ...*site) {
	t.Helper()
	var together []byte
	for _, s := range sites {
		own, err := os.ReadFile(filepath.Join(s.dir, "node.pem"))
		if err != nil {
			t.Fatal(err)
		}
		together = append(together, own...)
	}
	write(t, file, together)
}
