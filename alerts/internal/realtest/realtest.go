// Package realtest starts the real Prometheus and Alertmanager for tests, each
// on a loopback port of its own, and ends them with the test.
package realtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

const (
	startLimit = 20 * time.Second
	stopLimit  = 10 * time.Second
	poll       = 50 * time.Millisecond
)

// Prometheus starts a Prometheus that reads its rules from rulesFile and has
// nothing to scrape. It returns its address.
func Prometheus(t *testing.T, rulesFile string) string {
	t.Helper()
	folder := t.TempDir()
	config := filepath.Join(folder, "prometheus.yml")
	Write(t, config, fmt.Sprintf("global: {scrape_interval: 2s, evaluation_interval: 2s}\nrule_files: [%q]\n", rulesFile))
	address := free(t)
	start(t, "prometheus", "http://"+address+"/-/ready",
		"--config.file="+config, "--storage.tsdb.path="+filepath.Join(folder, "data"),
		"--web.listen-address="+address, "--web.enable-lifecycle")
	return "http://" + address
}

// Alertmanager starts an Alertmanager that reads configFile. It returns its
// address.
func Alertmanager(t *testing.T, configFile string) string {
	t.Helper()
	address := free(t)
	start(t, "prometheus-alertmanager", "http://"+address+"/-/ready",
		"--config.file="+configFile, "--storage.path="+t.TempDir(),
		"--web.listen-address="+address, "--cluster.listen-address=")
	return "http://" + address
}

// Write writes a file for the test.
func Write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// free returns a loopback address that was free a moment ago.
func free(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}

func start(t *testing.T, program, ready string, arguments ...string) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%s is missing; install it with: system/packages.sh", program)
	}
	var output bytes.Buffer
	command := exec.Command(path, arguments...)
	command.Stdout, command.Stderr = &output, &output
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var ending error
	ended := make(chan struct{})
	go func() {
		ending = command.Wait()
		close(ended)
	}()
	t.Cleanup(func() { stop(t, command.Process, ended) })

	deadline := time.Now().Add(startLimit)
	for !answers(t.Context(), ready) {
		select {
		case <-ended:
			t.Fatalf("%s ended: %v\n%s", program, ending, output.Bytes())
		case <-time.After(poll):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s was not ready within %s", program, startLimit)
		}
	}
}

func stop(t *testing.T, process *os.Process, ended <-chan struct{}) {
	t.Helper()
	if err := process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	select {
	case <-ended:
	case <-time.After(stopLimit):
		if err := process.Kill(); err != nil {
			t.Error(err)
		}
		<-ended
	}
}

func answers(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}
