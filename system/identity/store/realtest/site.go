// Package realtest starts the real stores that the provider stands on, on
// loopback, for tests: PostgreSQL with standbys, etcd of several members, Redis
// with Sentinel, all with mutual TLS by a CA of their own, and proxies that make
// the network between bad. Each can be killed, frozen and brought back.
// Everything ends with the test process.
package realtest

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
)

// Site is a folder, a CA and the processes of one test run.
type Site struct {
	CA    *CA
	Ports *Ports
	// Durable makes the stores wait for the disk, as they do in operation;
	// only measurements need that.
	Durable bool

	dir string

	mu      sync.Mutex
	started []*Process
}

// NewSite returns a site without any process.
func NewSite() (*Site, error) {
	dir, err := os.MkdirTemp("", "identity-site")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // PostgreSQL runs as another user
		return nil, fmt.Errorf("open folder: %w", err)
	}
	ca, err := NewCA(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &Site{CA: ca, Ports: newPorts(), dir: dir}, nil
}

// Dir is the folder of everything that the site's processes write.
func (s *Site) Dir() string { return s.dir }

// Close ends all processes, the last started first, and removes their files.
func (s *Site) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var problems []error
	for _, process := range slices.Backward(s.started) {
		problems = append(problems, process.Kill())
	}
	return errors.Join(append(problems, os.RemoveAll(s.dir))...)
}

// own makes Close end process.
func (s *Site) own(process *Process) *Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = append(s.started, process)
	return process
}
