package region

import (
	"crypto/tls"
	"fmt"
	"net"

	"tocsin/system/lab/forward"
	"tocsin/system/lab/topology"
)

// openDoors begins to forward: from the host's listeners to parts of the lab,
// and from the relay inside to the harness on the host.
func (r *Region) openDoors() error {
	for i, door := range r.order.Doors {
		listener, err := inherited(uintptr(firstDoor+i), door.Listen)
		if err != nil {
			return err
		}
		r.forward(listener, forward.To{Network: "tcp", Address: door.Target, Log: r.log})
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
	r.forward(relay, forward.To{Network: "unix", Address: r.order.HostRelay, Log: r.log})
	return nil
}

func (r *Region) forward(listener net.Listener, to forward.To) {
	r.work.Go(func() {
		if err := to.Serve(r.ctx, listener); err != nil {
			r.log.Error("door closed", "to", to.Address, "error", err)
		}
	})
}
