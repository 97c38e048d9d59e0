// Package parts knows what every component of the lab is: which program it is,
// what its configuration says, whom it waits for, and how it is asked for its
// role and health. It renders and asks; starting is the region's business.
package parts

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"text/template"

	"tocsin/system/lab/topology"
)

//go:embed templates
var templates embed.FS

// File is one file of a pod's folder.
type File struct {
	Name    string
	Content []byte
	Mode    fs.FileMode
}

// Part is everything the region needs to run one pod.
type Part struct {
	Pod  topology.Pod
	User string
	// Nice is the process priority, as in nice(1). One machine stands in for
	// many: what would have machines of its own goes before what would not.
	Nice  int
	Path  string
	Args  []string
	Env   []string
	Files []File
	// Dirs are the folders it needs below its own.
	Dirs []string
	// After lists the pods that must be ready before this one is started.
	After []topology.Pod
}

// Site is what the parts need to know of the place the lab is in. All paths are
// as the pods see them.
type Site struct {
	// Root holds a folder per pod; Programs holds the lab's own binaries.
	Root     string
	Programs string
	// Issuer is the public address.
	Issuer string
	// PostgresBin is the folder of the server's programs, and SoftHSM the
	// PKCS#11 module.
	PostgresBin string
	SoftHSM     string
	// IdentityDigest is the SHA-256 of Programs/identity, in hexadecimal: the
	// provider starts its authenticator plug-in only with that digest.
	IdentityDigest string
}

// Dir is the folder of a pod.
func (s Site) Dir(pod topology.Pod) string { return s.Root + "/" + pod.DirName() }

// Primary is the zone whose Redis starts as the primary.
const Primary = "a"

// view is what a template sees.
type view struct {
	Site
	pod     topology.Pod
	Dir     string
	Zone    string
	Zones   []string
	Primary string
	Jobs    []job
}

// job is one component that Prometheus scrapes in every zone.
type job struct {
	Name string
	Port int
}

func (s Site) view(pod topology.Pod) view {
	return view{
		Site: s, pod: pod, Dir: s.Dir(pod), Zone: pod.Zone, Zones: topology.Zones(), Primary: Primary,
		Jobs: []job{
			{"identity", topology.PortOps}, {"ui", topology.PortOps}, {"gateway", topology.PortOps},
			{"hsm", topology.PortHSM}, {"etcd", topology.PortEtcdClient}, {"postgres", topology.PortPatroni},
		},
	}
}

// At is the pod's own address with a port, and Addr without.
func (v view) At(port int) string { return v.pod.At(port) }

// Addr is the pod's own address.
func (v view) Addr() string { return v.pod.Addr().String() }

// TLS is the folder of the pod's certificates.
func (v view) TLS() string { return v.Dir + "/tls" }

// Region is the range of the whole lab.
func (v view) Region() string { return topology.Region().String() }

// Relay is where the harness outside can be reached.
func (v view) Relay() string { return topology.Relay() }

// PodAt is the address of another pod with a port.
func (v view) PodAt(zone, component string, port int) string {
	return topology.Pod{Zone: zone, Component: topology.Component(component)}.At(port)
}

// PodIP is the address of another pod.
func (v view) PodIP(zone, component string) string {
	return topology.Pod{Zone: zone, Component: topology.Component(component)}.Addr().String()
}

// Nearest lists the zones, the pod's own first.
func (v view) Nearest() []string {
	near := []string{v.Zone}
	for _, zone := range v.Zones {
		if zone != v.Zone {
			near = append(near, zone)
		}
	}
	return near
}

// render fills the template of that name for the pod.
func (s Site) render(name string, pod topology.Pod) ([]byte, error) {
	parsed, err := template.New(name).Option("missingkey=error").ParseFS(templates, "templates/"+name)
	if err != nil {
		return nil, fmt.Errorf("parse template %s: %w", name, err)
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, s.view(pod)); err != nil {
		return nil, fmt.Errorf("render %s for %s: %w", name, pod, err)
	}
	return out.Bytes(), nil
}

// path is the environment of every pod: none of the user's variables get in.
func (s Site) env(extra ...string) []string {
	return slices.Concat([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "TZ=UTC"}, extra)
}
