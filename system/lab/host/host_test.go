package host

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestATakenPortIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	ports := DefaultPorts()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(port, &ports.Public); err != nil {
		t.Fatal(err)
	}
	if _, err := listen(ports.doors()[:1]); err == nil || !strings.Contains(err.Error(), "port "+port) {
		t.Fatalf("got %v, want the port named", err)
	}
}

func TestASecondLabIsRefusedWhileTheFirstRuns(t *testing.T) {
	state := t.TempDir()
	first, err := lock(state)
	if err != nil {
		t.Fatal(err)
	}
	if gone, err := free(state); err != nil || gone {
		t.Fatalf("free %v, %v while a lab runs", gone, err)
	}
	_, err = lock(state)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) || !strings.Contains(err.Error(), "lab down") {
		t.Fatalf("got %v, want who holds it and how to end it", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := lock(state)
	if err != nil {
		t.Fatalf("after the first ended: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestCleaningKeepsTheLockAlone(t *testing.T) {
	state := t.TempDir()
	held, err := lock(state)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := os.MkdirAll(filepath.Join(state, "pods", "a-etcd"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := clean(state); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(state)
	if err != nil || len(entries) != 1 || entries[0].Name() != lockName {
		t.Fatalf("left %v, %v", entries, err)
	}
}
