package region

import (
	"fmt"

	"tocsin/system/lab/netns"
	"tocsin/system/lab/topology"
)

// wires are the networks of the region: one router for the region, one for each
// zone, and a namespace for every pod.
type wires struct {
	region *netns.Namespace
	zones  map[string]*netns.Namespace
	pods   map[topology.Pod]*netns.Namespace
}

// lay builds all networks. The calling process stands at the region's router.
func lay() (*wires, error) {
	region, err := netns.Current("region")
	if err != nil {
		return nil, err
	}
	laid := &wires{region: region, zones: map[string]*netns.Namespace{}, pods: map[topology.Pod]*netns.Namespace{}}
	if err := router(region); err != nil {
		return nil, err
	}
	for _, zone := range topology.Zones() {
		made, err := netns.New("zone-" + zone)
		if err != nil {
			return nil, err
		}
		leaf := netns.Leaf{Namespace: made, Port: "zone-" + zone, Addr: topology.Router(zone), Behind: topology.Prefix(zone)}
		if err := region.Attach(topology.Router(topology.Outside), leaf); err != nil {
			return nil, err
		}
		if err := router(made); err != nil {
			return nil, err
		}
		laid.zones[zone] = made
	}
	for _, pod := range topology.Pods() {
		made, err := netns.New(pod.String())
		if err != nil {
			return nil, err
		}
		leaf := netns.Leaf{Namespace: made, Port: string(pod.Component), Addr: pod.Addr()}
		if err := laid.above(pod).Attach(topology.Router(pod.Zone), leaf); err != nil {
			return nil, err
		}
		// Every pod serves on its usual port, and none of them is root.
		if err := made.Sysctl("net/ipv4/ip_unprivileged_port_start", "0"); err != nil {
			return nil, err
		}
		laid.pods[pod] = made
	}
	return laid, nil
}

// router lets a namespace pass on what is not for itself.
func router(namespace *netns.Namespace) error {
	for name, value := range map[string]string{
		"net/ipv4/ip_forward":             "1",
		"net/ipv4/conf/all/rp_filter":     "0",
		"net/ipv4/conf/default/rp_filter": "0",
	} {
		if err := namespace.Sysctl(name, value); err != nil {
			return fmt.Errorf("make router: %w", err)
		}
	}
	return nil
}

// above is the router that a pod hangs on.
func (w *wires) above(pod topology.Pod) *netns.Namespace {
	if pod.Zone == topology.Outside {
		return w.region
	}
	return w.zones[pod.Zone]
}
