package region

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sync/errgroup"

	"tocsin/system/lab/topology"
)

// ceremony makes every zone's token and tells each which others it may share
// signing keys with. Signing keys are made later, by the provider, and travel
// wrapped for these nodes alone.
func (r *Region) ceremony() error {
	own := make([][]byte, len(topology.Zones()))
	var group errgroup.Group
	for i, zone := range topology.Zones() {
		group.Go(func() (err error) {
			own[i], err = r.initialise(topology.Pod{Zone: zone, Component: topology.HSM})
			if err != nil {
				return fmt.Errorf("key ceremony of zone %s: %w", zone, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	approved := slices.Concat(own...)
	for _, zone := range topology.Zones() {
		// The provider believes only what these nodes attest.
		for _, component := range []topology.Component{topology.HSM, topology.Identity} {
			file := r.site.Dir(topology.Pod{Zone: zone, Component: component}) + "/nodes.pem"
			if err := os.WriteFile(file, approved, 0o600); err != nil {
				return fmt.Errorf("approve HSM nodes: %w", err)
			}
		}
	}
	return nil
}

// initialise makes one token and returns the public keys by which the others
// know it. The security officer's PIN lives no longer than this function.
func (r *Region) initialise(pod topology.Pod) (own []byte, err error) {
	officer, err := random(16)
	if err != nil {
		return nil, err
	}
	config, err := r.site.Ceremony(pod)
	if err != nil {
		return nil, err
	}
	dir := r.site.Dir(pod)
	for path, content := range map[string][]byte{dir + "/ceremony.yaml": config, dir + "/so-pin": officer} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.Remove(path)) }()
	}
	if err := r.tool("hsm-init", "--config", dir+"/ceremony.yaml"); err != nil {
		return nil, err
	}
	own, err = os.ReadFile(dir + "/node.pem")
	if err != nil {
		return nil, fmt.Errorf("read the node's public keys: %w", err)
	}
	return own, nil
}
