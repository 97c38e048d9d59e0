// Package topology owns the names and addresses of the lab: which component
// runs in which zone, and where. It is pure data; nothing here starts anything.
package topology

import (
	"fmt"
	"net/netip"
	"strconv"
)

// Component names one kind of part.
type Component string

// The components of a zone, and those that stand outside the zones.
const (
	Etcd     Component = "etcd"
	Postgres Component = "postgres"
	Redis    Component = "redis"
	Sentinel Component = "sentinel"
	HSM      Component = "hsm"
	Identity Component = "identity"
	UI       Component = "ui"
	Gateway  Component = "gateway"

	Edge         Component = "edge"
	Prometheus   Component = "prometheus"
	Alertmanager Component = "alertmanager"
)

// Outside is the zone name of what stands in no zone.
const Outside = ""

// Ports of the components, by their conventional numbers.
const (
	PortEtcdClient   = 2379
	PortEtcdPeer     = 2380
	PortPostgres     = 5432
	PortPatroni      = 8008
	PortRedis        = 6379
	PortSentinel     = 26379
	PortHSM          = 8443
	PortIdentity     = 8443
	PortInternal     = 8444
	PortUI           = 8443
	PortPublic       = 443
	PortOps          = 9100
	PortPrometheus   = 9090
	PortAlertmanager = 9093
	PortRelay        = 9464
)

// Zones lists the zones in order.
func Zones() []string { return []string{"a", "b", "c"} }

// InZone lists the components every zone runs.
func InZone() []Component {
	return []Component{Etcd, Postgres, Redis, Sentinel, HSM, Identity, UI, Gateway}
}

// OutsideZones lists the components that run once, outside every zone.
func OutsideZones() []Component { return []Component{Edge, Prometheus, Alertmanager} }

// Pod is one component at one place.
type Pod struct {
	Zone      string
	Component Component
}

// Pods lists every pod of the lab: zone by zone, then the ones outside.
func Pods() []Pod {
	var pods []Pod
	for _, zone := range Zones() {
		for _, component := range InZone() {
			pods = append(pods, Pod{zone, component})
		}
	}
	for _, component := range OutsideZones() {
		pods = append(pods, Pod{Outside, component})
	}
	return pods
}

// String is "a/etcd" for a pod in zone a and "edge" for one outside.
func (p Pod) String() string {
	if p.Zone == Outside {
		return string(p.Component)
	}
	return p.Zone + "/" + string(p.Component)
}

// DirName is a file name for the pod.
func (p Pod) DirName() string {
	if p.Zone == Outside {
		return string(p.Component)
	}
	return p.Zone + "-" + string(p.Component)
}

// DNSName is the name in the pod's certificate, such as "etcd.a.lab".
func (p Pod) DNSName() string {
	if p.Zone == Outside {
		return string(p.Component) + ".lab"
	}
	return string(p.Component) + "." + p.Zone + ".lab"
}

// hosts are the last numbers of the pods' addresses.
func (p Pod) host() byte {
	switch p.Component {
	case Etcd, Edge:
		return 10
	case Postgres, Prometheus:
		return 20
	case Alertmanager:
		return 21
	case Redis:
		return 30
	case Sentinel:
		return 31
	case HSM:
		return 40
	case Identity:
		return 50
	case UI:
		return 60
	default:
		return 70
	}
}

// Addr is the pod's address.
func (p Pod) Addr() netip.Addr { return netip.AddrFrom4([4]byte{10, 83, zoneNumber(p.Zone), p.host()}) }

// At is the pod's address with a port, as dialled.
func (p Pod) At(port int) string { return p.Addr().String() + ":" + strconv.Itoa(port) }

// Port is the port that tells whether the pod can be reached.
func (p Pod) Port() int {
	switch p.Component {
	case Etcd:
		return PortEtcdClient
	case Postgres:
		return PortPatroni
	case Redis:
		return PortRedis
	case Sentinel:
		return PortSentinel
	case Prometheus:
		return PortPrometheus
	case Alertmanager:
		return PortAlertmanager
	case Gateway, Edge:
		return PortPublic
	default:
		return PortHSM
	}
}

// Prefix is the address range of a zone, or of what stands outside.
func Prefix(zone string) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 83, zoneNumber(zone), 0}), 24)
}

// Region is the range that holds every address of the lab.
func Region() netip.Prefix { return netip.MustParsePrefix("10.83.0.0/16") }

// Router is the address of the router in front of a zone's pods; the one of
// Outside also carries the relay to the host.
func Router(zone string) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 83, zoneNumber(zone), 1})
}

// Relay is where pods reach the harness on the host.
func Relay() string { return Router(Outside).String() + ":" + strconv.Itoa(PortRelay) }

func zoneNumber(zone string) byte {
	for i, known := range Zones() {
		if known == zone {
			return byte(i + 1)
		}
	}
	return 0
}

// Select lists the pods that zone and component name; the empty one means all.
// Only pods in zones can be selected: the edge and the monitoring are not part
// of the system under test.
func Select(zone string, component Component) ([]Pod, error) {
	if zone == "" && component == "" {
		return nil, fmt.Errorf("name a zone (%v), a component (%v) or both", Zones(), InZone())
	}
	if zone != "" && zoneNumber(zone) == 0 {
		return nil, fmt.Errorf("zone %q is none of %v", zone, Zones())
	}
	var selected []Pod
	for _, pod := range Pods() {
		if pod.Zone == Outside || (zone != "" && pod.Zone != zone) || (component != "" && pod.Component != component) {
			continue
		}
		selected = append(selected, pod)
	}
	if len(selected) == 0 {
		return nil, fmt.Errorf("component %q is none of %v", component, InZone())
	}
	return selected, nil
}
