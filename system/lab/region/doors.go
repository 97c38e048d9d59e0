package region

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"tocsin/system/lab/topology"
)

// dialWithin bounds the way from a door to what stands behind it.
const dialWithin = 2 * time.Second

// openDoors begins to forward: from the host's listeners to parts of the lab,
// and from the relay inside to the harness on the host.
func (r *Region) openDoors() error {
	for i, door := range r.order.Doors {
		listener, err := inherited(uintptr(firstDoor+i), door.Listen)
		if err != nil {
			return err
		}
		r.forward(listener, "tcp", door.Target)
	}
	leaf, err := r.authority.Issue("relay", "relay", []string{"relay.lab"}, []net.IP{topology.Router(topology.Outside).AsSlice()})
	if err != nil {
		return err
	}
	config, err := r.authority.Config(leaf)
	if err != nil {
		return err
	}
	relay, err := tls.Listen("tcp", topology.Relay(), config)
	if err != nil {
		return fmt.Errorf("listen for pods that call the harness: %w", err)
	}
	r.forward(relay, "unix", r.order.HostRelay)
	return nil
}

// forward takes connections until the region ends.
func (r *Region) forward(listener net.Listener, network, target string) {
	r.work.Go(func() {
		<-r.ctx.Done()
		if err := listener.Close(); err != nil {
			r.log.Warn("close door", "to", target, "error", err)
		}
	})
	r.work.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				if r.ctx.Err() == nil {
					r.log.Error("door closed", "to", target, "error", err)
				}
				return
			}
			go r.join(from, network, target)
		}
	})
}

func (r *Region) join(from net.Conn, network, target string) {
	dialer := net.Dialer{Timeout: dialWithin}
	to, err := dialer.DialContext(r.ctx, network, target)
	if err != nil {
		// What stands behind the door is gone, perhaps on purpose: the
		// caller sees its connection end.
		r.log.Debug("nobody behind door", "to", target, "error", errors.Join(err, from.Close()))
		return
	}
	var both sync.WaitGroup
	both.Go(func() { r.pump(to, from) })
	both.Go(func() { r.pump(from, to) })
	both.Wait()
}

// pump copies one direction and then closes both ends: half-open connections
// are of no use to anybody here.
func (r *Region) pump(to, from net.Conn) {
	_, copyErr := io.Copy(to, from)
	if err := errors.Join(copyErr, to.Close(), from.Close()); err != nil && !errors.Is(err, net.ErrClosed) {
		r.log.Debug("connection ended", "error", err)
	}
}
