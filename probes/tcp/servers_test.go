package tcpcheck_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/verdict"
	"tocsin/probes/dial/dialtest"
)

// find looks for a program also where Debian keeps those of PostgreSQL.
func find(t *testing.T, name string) string {
	t.Helper()
	known, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for _, candidate := range append(known, name, "/usr/bin/"+name) {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	t.Fatalf("%s is not installed; run system/packages.sh", name)
	return ""
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// accepts is the sign that a server is there.
func accepts(port int) func(context.Context) error {
	return func(ctx context.Context) error {
		connection, err := new(net.Dialer).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return err
		}
		return connection.Close()
	}
}

// start starts a server and waits until it is ready; it ends with the test.
func start(t *testing.T, command *exec.Cmd, ready func(context.Context) error) {
	t.Helper()
	var log strings.Builder
	command.Stdout, command.Stderr = &log, &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// How a server ends that was told to does not matter.
		_ = command.Wait()
	}()
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			_ = command.Process.Kill()
			<-ended
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		if ready(ctx) == nil {
			return
		}
		select {
		case <-again.C:
		case <-ended:
			t.Fatalf("%s ended:\n%s", command.Path, log.String())
		case <-ctx.Done():
			t.Fatalf("%s is not ready", command.Path)
		}
	}
}

func TestARedisServerIsAskedThroughTLS(t *testing.T) {
	certificate, dir, port := dialtest.Issue(t, nil), t.TempDir(), freePort(t)
	start(t, exec.Command(find(t, "redis-server"), "--port", "0", "--tls-port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir,
		"--tls-cert-file", certificate.CertFile, "--tls-key-file", certificate.KeyFile, "--tls-ca-cert-file", certificate.CertFile,
		"--tls-auth-clients", "yes", "--requirepass", "canary-97", "--save", ""), accepts(port))
	password := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	right, wrong := password("right", "AUTH canary-97\r\n"), password("wrong", "AUTH canary-98\r\n")
	ours := fmt.Sprintf(", cert_file: %s, key_file: %s", certificate.CertFile, certificate.KeyFile)
	for name, tc := range map[string]struct {
		tls, file string
		// Whether the alert or the end of the connection is seen first is the
		// network's.
		reasons []verdict.Reason
		step    string
	}{
		"that knows us":        {ours, right, []verdict.Reason{verdict.OK}, ""},
		"with another secret":  {ours, wrong, []verdict.Reason{verdict.Assertion}, "dialogue-1"},
		"without our own cert": {"", right, []verdict.Reason{verdict.TLSHandshake, verdict.Reset}, "dialogue-1"},
	} {
		t.Run(name, func(t *testing.T) {
			result := run(t, fmt.Sprintf(`address: 127.0.0.1:%d
secure: true
tls: {ca_file: %s%s}
dialogue:
  - {send_file: %s, expect: "^\\+OK", lacks: "^-"}
  - {send: "INFO replication\r\n", expect: "^role:master"}
`, port, certificate.CertFile, tc.tls, tc.file), 5*time.Second)
			if !slices.Contains(tc.reasons, result.Reason) || result.FailedStep != tc.step {
				t.Errorf("%s at %q: %s", result.Reason, result.FailedStep, result.Detail)
			}
			if strings.Contains(fmt.Sprintf("%+v", result), "canary") {
				t.Errorf("the result shows the password: %+v", result)
			}
		})
	}
}

func TestAPostgreSQLServerIsAskedThroughTLS(t *testing.T) {
	if testing.Short() {
		t.Skip("making a database takes seconds")
	}
	certificate, port := dialtest.Issue(t, nil), freePort(t)
	// PostgreSQL refuses to run as root, and must reach its folder.
	dir, err := os.MkdirTemp("", "tcpcheck-") //nolint:usetesting // only root can reach t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	as := unprivileged(t)
	for name, from := range map[string]string{"cert.pem": certificate.CertFile, "key.pem": certificate.KeyFile} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
		give(t, as, filepath.Join(dir, name))
	}
	give(t, as, dir)
	command := func(program string, arguments ...string) *exec.Cmd {
		made := exec.Command(find(t, program), arguments...)
		made.Dir, made.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as}
		return made
	}
	data := filepath.Join(dir, "data")
	if out, err := command("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N", "--no-locale", "-E", "UTF8").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	settings := []string{"-D", data, "-p", strconv.Itoa(port), "-k", dir, "-h", "127.0.0.1", "-F"}
	for _, setting := range []string{"ssl=on", "ssl_cert_file=" + dir + "/cert.pem", "ssl_key_file=" + dir + "/key.pem", "shared_buffers=16MB"} {
		settings = append(settings, "-c", setting)
	}
	ready := find(t, "pg_isready")
	start(t, command("postgres", settings...), func(ctx context.Context) error {
		return exec.CommandContext(ctx, ready, "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(port)).Run()
	})
	// A StartupMessage of protocol 3.0 for the user postgres, and the R of
	// AuthenticationOk that a database answers which takes connections.
	for name, tc := range map[string]struct {
		message string
		reason  verdict.Reason
	}{
		"that takes connections": {`\0\0\0\x17\0\x03\0\0user\0postgres\0\0`, verdict.OK},
		"that does not":          {`\0\0\0\x17\0\x09\0\0user\0postgres\0\0`, verdict.Assertion},
	} {
		t.Run(name, func(t *testing.T) {
			result := run(t, fmt.Sprintf(`address: 127.0.0.1:%d
starttls: postgres
tls: {ca_file: %s}
dialogue: [{send: "%s", bytes: 9, expect: "^R\\x00\\x00\\x00\\x08\\x00\\x00\\x00\\x00$", lacks: "^E"}]
expect: {certificate_days: 1}
`, port, certificate.CertFile, tc.message), 5*time.Second)
			if result.Reason != tc.reason {
				t.Errorf("%s at %q: %s", result.Reason, result.FailedStep, result.Detail)
			}
		})
	}
}

// unprivileged is who servers run as that refuse to run as root.
func unprivileged(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, uidErr := strconv.ParseUint(nobody.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(nobody.Gid, 10, 32)
	if uidErr != nil || gidErr != nil {
		t.Fatal(uidErr, gidErr)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func give(t *testing.T, as *syscall.Credential, path string) {
	t.Helper()
	if as == nil {
		return
	}
	if err := os.Chown(path, int(as.Uid), int(as.Gid)); err != nil {
		t.Fatal(err)
	}
}
