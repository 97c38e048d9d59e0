package ours

import (
	"bytes"
	"context"
	"encoding/gob"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"tocsin/system/internal/wire"
)

// start runs a component with config.
func (s *System) start(t *testing.T, role string, config any) {
	t.Helper()
	var text bytes.Buffer
	if err := gob.NewEncoder(&text).Encode(config); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), role)
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(context.WithoutCancel(t.Context()), self, role, file)
	complaints := &bytes.Buffer{}
	command.Stderr = complaints
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	s.processes[role] = command
	t.Cleanup(func() {
		if err := command.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("end %s: %v", role, err)
		}
		if err := command.Wait(); err != nil {
			t.Errorf("end %s: %v", role, err)
		}
		if t.Failed() {
			t.Logf("%s said: %s", role, complaints)
		}
	})
}

func (s *System) free(t *testing.T) int {
	t.Helper()
	port, err := s.rig.Ports.Free()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func (s *System) certificate(t *testing.T, component string) wire.TLS {
	t.Helper()
	files, err := s.rig.CA.Issue(component)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// await waits until a component says that it is ready.
func (s *System) await(t *testing.T, listen string) {
	t.Helper()
	trust, err := s.provider.TLS.Client()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust, DisableKeepAlives: true}, Timeout: 2 * time.Second}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+listen+"/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err == nil {
			err = response.Body.Close()
		}
		if err == nil && response.StatusCode == http.StatusOK {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s is not ready: %v", listen, err)
		case <-tick.C:
		}
	}
}
