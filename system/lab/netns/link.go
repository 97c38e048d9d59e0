package netns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Leaf describes the far end of a link: what hangs below a router.
type Leaf struct {
	Namespace *Namespace
	// Port names the router's end of the link, at most 15 characters.
	Port string
	// Addr is the leaf's own address.
	Addr netip.Addr
	// Behind is the range that the leaf routes for; the zero value means
	// that it is an end and not a router.
	Behind netip.Prefix
}

// Uplink is the name of the interface by which every leaf reaches its router.
const Uplink = "up0"

// Attach wires a leaf to the router, whose address is routerAddr. Links are
// point to point and routed, never bridged, so that each packet passes the
// router's rules even between two pods of one zone.
func (n *Namespace) Attach(routerAddr netip.Addr, leaf Leaf) error {
	if err := n.attach(routerAddr, leaf); err != nil {
		return fmt.Errorf("attach %s to %s: %w", leaf.Namespace.name, n.name, err)
	}
	return nil
}

func (n *Namespace) attach(routerAddr netip.Addr, leaf Leaf) error {
	veth := &netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: leaf.Port},
		PeerName:      Uplink,
		PeerNamespace: netlink.NsFd(leaf.Namespace.handle),
	}
	if err := n.links.LinkAdd(veth); err != nil {
		return fmt.Errorf("add link: %w", err)
	}
	near, err := n.raise(leaf.Port, routerAddr)
	if err != nil {
		return err
	}
	if err := n.route(near, host(leaf.Addr), nil); err != nil {
		return err
	}
	if leaf.Behind.IsValid() {
		if err := n.route(near, network(leaf.Behind), leaf.Addr.AsSlice()); err != nil {
			return err
		}
	}
	far, err := leaf.Namespace.raise(Uplink, leaf.Addr)
	if err != nil {
		return err
	}
	if err := leaf.Namespace.route(far, host(routerAddr), nil); err != nil {
		return err
	}
	everything := &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}
	return leaf.Namespace.route(far, everything, routerAddr.AsSlice())
}

func (n *Namespace) raise(name string, addr netip.Addr) (netlink.Link, error) {
	link, err := n.links.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", name, err)
	}
	if err := n.links.AddrAdd(link, &netlink.Addr{IPNet: host(addr)}); err != nil {
		return nil, fmt.Errorf("address %s: %w", name, err)
	}
	if err := n.links.LinkSetUp(link); err != nil {
		return nil, fmt.Errorf("raise %s: %w", name, err)
	}
	return link, nil
}

func (n *Namespace) route(link netlink.Link, to *net.IPNet, via net.IP) error {
	route := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: to, Gw: via}
	if via == nil {
		route.Scope = netlink.SCOPE_LINK
	}
	if err := n.links.RouteAdd(route); err != nil {
		return fmt.Errorf("route %s: %w", to, err)
	}
	return nil
}

// Drop makes the router swallow every packet to and from the range: nobody
// gets a refusal, as with a cable pulled. Dropping twice is dropping once.
func (n *Namespace) Drop(prefix netip.Prefix) error {
	for _, rule := range dropRules(prefix) {
		if err := n.links.RuleAdd(rule); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("drop %s in %s: %w", prefix, n.name, err)
		}
	}
	return nil
}

// Pass ends Drop. Passing what was not dropped changes nothing.
func (n *Namespace) Pass(prefix netip.Prefix) error {
	for _, rule := range dropRules(prefix) {
		if err := n.links.RuleDel(rule); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("pass %s in %s: %w", prefix, n.name, err)
		}
	}
	return nil
}

// dropPriority puts the rules before the kernel's own table lookup of the main
// table (32766) and behind the local one (0).
const dropPriority = 100

func dropRules(prefix netip.Prefix) []*netlink.Rule {
	from, to := netlink.NewRule(), netlink.NewRule()
	from.Src, to.Dst = network(prefix), network(prefix)
	for _, rule := range []*netlink.Rule{from, to} {
		rule.Family = unix.AF_INET
		rule.Type = unix.RTN_BLACKHOLE
		rule.Priority = dropPriority
	}
	return []*netlink.Rule{from, to}
}

func host(addr netip.Addr) *net.IPNet {
	return network(netip.PrefixFrom(addr, addr.BitLen()))
}

func network(prefix netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())}
}
