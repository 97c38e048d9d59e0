package keys_test

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/probes/checkpoint/keys"
)

const address = "https://127.0.0.1:9465"

func authority(t *testing.T) *keys.Authority {
	t.Helper()
	a := &keys.Authority{Folder: filepath.Join(t.TempDir(), "checkpoints")}
	if _, err := a.Init([]string{"localhost", "127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	return a
}

func enrol(t *testing.T, a *keys.Authority, name string) keys.Enrolment {
	t.Helper()
	e, err := a.Enrol(name, address)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// central is a server that says who is speaking.
func central(t *testing.T, a *keys.Authority) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config, err := a.TLS()
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{TLSConfig: config, ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, err := a.Admit(r.TLS.PeerCertificates[0])
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		w.Write([]byte(r.Proto + " " + name))
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil || !errors.Is(<-ended, http.ErrServerClosed) {
			t.Errorf("end the central: %v", err)
		}
	})
	return "https://" + listener.Addr().String()
}

func ask(t *testing.T, server string, config *tls.Config) (string, error) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	response, err := (&http.Client{Transport: transport}).Get(server)
	if err != nil {
		return "", err
	}
	body := make([]byte, 500)
	n, _ := response.Body.Read(body)
	return string(body[:n]), nil
}

func config(t *testing.T, e keys.Enrolment) *tls.Config {
	t.Helper()
	c, err := e.TLS()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOnlyEnrolledCheckpointsAreHeard(t *testing.T) {
	a := authority(t)
	server := central(t, a)
	b, c := enrol(t, a, "b"), enrol(t, a, "c")
	if got, err := ask(t, server, config(t, b)); err != nil || got != "HTTP/2.0 b" {
		t.Fatalf("b: %q, %v", got, err)
	}
	older := config(t, b)
	older.MinVersion, older.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	nobody := config(t, b)
	nobody.Certificates = nil
	stranger := config(t, enrol(t, authority(t), "b"))
	stranger.RootCAs = nobody.RootCAs
	replaced := config(t, c)
	enrol(t, a, "c")
	d := config(t, enrol(t, a, "d"))
	if err := a.Remove("d"); err != nil {
		t.Fatal(err)
	}
	for name, refused := range map[string]*tls.Config{
		"TLS 1.2": older, "no certificate": nobody, "a certificate of another authority": stranger,
		"one that was enrolled again": replaced, "one that was removed": d,
	} {
		if got, err := ask(t, server, refused); err == nil {
			t.Errorf("%s was heard: %q", name, got)
		}
	}
}

func TestACheckpointTrustsOnlyItsCentral(t *testing.T) {
	a := authority(t)
	impostor := central(t, authority(t))
	if _, err := ask(t, impostor, config(t, enrol(t, a, "b"))); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("got %v", err)
	}
}

// A connection that lives on does not outlive the enrolment.
func TestWhoIsRemovedIsShutOutAtOnce(t *testing.T) {
	a := authority(t)
	server := central(t, a)
	transport := &http.Transport{TLSClientConfig: config(t, enrol(t, a, "b")), ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	for _, want := range []int{http.StatusOK, http.StatusForbidden} {
		response, err := client.Get(server)
		if err != nil || response.StatusCode != want {
			t.Fatalf("%v, %v", response, err)
		}
		if want == http.StatusOK {
			if err := a.Remove("b"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestKeysAreForTheirOwnersEyesOnly(t *testing.T) {
	a := authority(t)
	file := filepath.Join(t.TempDir(), "b.yaml")
	if err := enrol(t, a, "b").Save(file); err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob(filepath.Join(a.Folder, "*"))
	if err != nil || len(all) != 5 {
		t.Fatalf("%v, %v", all, err)
	}
	for _, path := range append(all, file) {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if loaded, err := keys.LoadEnrolment(file); err != nil || loaded.Checkpoint != "b" || loaded.URL != address {
		t.Errorf("%+v, %v", loaded, err)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.LoadEnrolment(file); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("got %v", err)
	}
}

func TestWhatCannotBeEnrolled(t *testing.T) {
	a := authority(t)
	for want, arguments := range map[string][2]string{
		"cannot name a checkpoint":                         {"../ca", address},
		"write https://HOST:PORT":                          {"b", "http://127.0.0.1:9465"},
		"init --name tocsin.example once more":             {"b", "https://tocsin.example:9465"},
		"is no address of the central: write https://HOST": {"b", "https://127.0.0.1"},
	} {
		if _, err := a.Enrol(arguments[0], arguments[1]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", arguments, err)
		}
	}
	none := &keys.Authority{Folder: t.TempDir()}
	if _, err := none.Enrol("b", address); !errors.Is(err, keys.ErrNoAuthority) {
		t.Errorf("got %v", err)
	}
	if _, err := none.TLS(); !errors.Is(err, keys.ErrNoAuthority) {
		t.Errorf("got %v", err)
	}
}

func TestInitAgainKeepsTheAuthority(t *testing.T) {
	a := authority(t)
	b := enrol(t, a, "b")
	created, err := a.Init([]string{"127.0.0.1"})
	if err != nil || created {
		t.Fatalf("created %v, %v", created, err)
	}
	if got, err := ask(t, central(t, a), config(t, b)); err != nil || got != "HTTP/2.0 b" {
		t.Errorf("%q, %v", got, err)
	}
	if all, err := a.Enrolled(); err != nil || len(all) != 1 || all[0].Name != "b" {
		t.Errorf("%v, %v", all, err)
	}
}
