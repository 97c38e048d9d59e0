package host

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// relay carries connections of pods to the harness on the host: Prometheus
// scrapes it, Alertmanager rings it. Only the region can open the socket.
type relay struct {
	listener net.Listener
	to       string
}

func openRelay(path, to string) (*relay, error) {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("protect %s: %w", path, err), listener.Close())
	}
	opened := &relay{listener: listener, to: to}
	go opened.serve()
	return opened, nil
}

func (r *relay) close() error { return r.listener.Close() }

func (r *relay) serve() {
	for {
		from, err := r.listener.Accept()
		if err != nil {
			return
		}
		go r.join(from)
	}
}

// join connects the caller with the harness; when nobody is there, the caller
// sees its connection end, as it would without a relay.
func (r *relay) join(from net.Conn) {
	to, err := net.DialTimeout("tcp", r.to, time.Second)
	if err != nil {
		_ = from.Close()
		return
	}
	var both sync.WaitGroup
	both.Go(func() { pump(to, from) })
	both.Go(func() { pump(from, to) })
	both.Wait()
}

func pump(to, from net.Conn) {
	// Either end may go at any time; both are closed then, whatever it says.
	_, _ = io.Copy(to, from)
	_ = to.Close()
	_ = from.Close()
}
