package tlscheck

import (
	"context"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/verdict"
)

// write keeps a certificate with its chain and key as one PEM file.
func write(t testing.TB, made tls.Certificate) string {
	t.Helper()
	var text []byte
	for _, der := range made.Certificate {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	key, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	path := filepath.Join(t.TempDir(), "server.pem")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// program starts a server of somebody else's; it ends with the test.
func program(t testing.TB, name string, args func(port int) []string) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().(*net.TCPAddr)
	listener.Close()
	path, err := exec.LookPath(name)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + name); err != nil {
			t.Fatalf("%s is not installed; run system/packages.sh", name)
		}
	}
	var log strings.Builder
	command := exec.Command(path, args(address.Port)...)
	command.Stdout, command.Stderr = &log, &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = command.Wait() // it is killed
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		<-ended
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		if connection, err := net.DialTimeout("tcp", address.String(), time.Second); err == nil {
			connection.Close()
			return address.String()
		}
		select {
		case <-again.C:
		case <-ended:
			t.Fatalf("%s ended:\n%s", name, log.String())
		case <-ctx.Done():
			t.Fatalf("%s does not listen:\n%s", name, log.String())
		}
	}
}

// OpenSSL can be told to be as weak as servers were in 2010.
func TestOpenSSLWithWeakSettings(t *testing.T) {
	root := newRoot(t, "Root")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	overRSA, overCurve := write(t, root.server(key, nil)), write(t, root.server(curveKey(t, elliptic.P256()), nil))
	const allowed = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256"
	for name, tc := range map[string]struct {
		cert   string
		args   []string
		want   verdict.Reason
		detail string
	}{
		"as strict as it should be": {overRSA, []string{"-cipher", allowed, "-ciphersuites", "TLS_AES_128_GCM_SHA256"}, verdict.OK, ""},
		"every suite it has":        {overRSA, []string{"-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0", "-min_protocol", "TLSv1"}, verdict.TLSPolicy, "accepts TLS 1.0"},
		"nobody authenticates":      {overRSA, []string{"-cipher", allowed + ":aNULL:@SECLEVEL=0"}, verdict.TLSPolicy, "accepts TLS_DH_anon_WITH_"},
		"nothing is encrypted":      {overRSA, []string{"-cipher", allowed + ":eNULL:@SECLEVEL=0"}, verdict.TLSPolicy, "_WITH_NULL_SHA"},
		"CAMELLIA":                  {overRSA, []string{"-cipher", allowed + ":CAMELLIA"}, verdict.TLSPolicy, "CAMELLIA"},
		"CCM with short tags":       {overRSA, []string{"-cipher", allowed, "-ciphersuites", "TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_8_SHA256"}, verdict.TLSPolicy, "accepts TLS_AES_128_CCM_8_SHA256 over TLS 1.3"},
		"DHE of 1024 bits":          {overRSA, []string{"-cipher", allowed + ":@SECLEVEL=0", "-dhparam", weakGroupFile(t)}, verdict.TLSPolicy, "DHE group of 1024 bits"},
		"a curve of 224 bits":       {overCurve, []string{"-cipher", allowed + ":@SECLEVEL=0", "-groups", "X25519:secp224r1"}, verdict.TLSPolicy, "the elliptic curve secp224r1"},
		"TLS 1.1 with ECDSA":        {overCurve, []string{"-cipher", "ALL:@SECLEVEL=0", "-min_protocol", "TLSv1.1"}, verdict.TLSPolicy, "accepts TLS 1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := program(t, "openssl", func(port int) []string {
				return append([]string{"s_server", "-accept", fmt.Sprintf("127.0.0.1:%d", port), "-cert", tc.cert, "-key", tc.cert, "-quiet"}, tc.args...)
			})
			got := run(t, root.pool(), Config{Address: address})
			step := "scan"
			if tc.want == verdict.OK {
				step = ""
			}
			if got.Reason != tc.want || got.FailedStep != step || !strings.Contains(got.Detail+notes(got), tc.detail) {
				t.Errorf("%s at %q: %s\nwant %s: %s\n%s", got.Reason, got.FailedStep, got.Detail, tc.want, tc.detail, notes(got))
			}
		})
	}
}

// weakGroupFile has a group of 1024 bits in the form of PKCS #3.
func weakGroupFile(t *testing.T) string {
	t.Helper()
	prime, err := rand.Prime(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	der, err := asn1.Marshal(struct{ P, G *big.Int }{prime, big.NewInt(2)})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "dh.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "DH PARAMETERS", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// HAProxy with the settings of a careful gateway, and with a careless one.
func TestHAProxy(t *testing.T) {
	root := newRoot(t, "Root")
	pemFile := write(t, root.server(nil, nil))
	start := func(bind string) string {
		return program(t, "haproxy", func(port int) []string {
			path := filepath.Join(t.TempDir(), "haproxy.cfg")
			text := fmt.Sprintf("defaults\n  mode http\n  timeout client 5s\n  timeout server 5s\n  timeout connect 5s\nfrontend f\n  bind 127.0.0.1:%d ssl crt %s %s\n  http-request return status 200\n", port, pemFile, bind)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			return []string{"-db", "-f", path}
		})
	}
	careful := start("ssl-min-ver TLSv1.2 ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305")
	expect(t, run(t, root.pool(), Config{Address: careful}), verdict.OK, "", "")
	careless := start("ssl-min-ver TLSv1.0 ciphers ALL:@SECLEVEL=0")
	expect(t, run(t, root.pool(), Config{Address: careless}), verdict.TLSPolicy, "scan", "accepts TLS 1.0")
}
