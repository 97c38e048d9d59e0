package region

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"tocsin/system/lab/parts"
	"tocsin/system/lab/pki"
	"tocsin/system/lab/topology"
)

// furnish writes the folder of every pod: configuration, certificates, and an
// empty data folder.
func (r *Region) furnish() error {
	if err := os.WriteFile(rootInside+"/ca.pem", r.authority.PEM(), 0o644); err != nil {
		return fmt.Errorf("write CA: %w", err)
	}
	for _, pod := range topology.Pods() {
		part, err := r.site.Make(pod)
		if err != nil {
			return err
		}
		if err := r.furnishPod(part); err != nil {
			return fmt.Errorf("write files of %s: %w", pod, err)
		}
		r.nodes[pod] = newNode(part)
	}
	if err := r.secrets(); err != nil {
		return err
	}
	if err := r.introduce(); err != nil {
		return err
	}
	if err := r.ceremony(); err != nil {
		return err
	}
	return r.handOver()
}

func (r *Region) furnishPod(part parts.Part) error {
	dir := r.site.Dir(part.Pod)
	for _, sub := range part.Dirs {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return err
		}
	}
	for _, file := range part.Files {
		if err := os.WriteFile(filepath.Join(dir, file.Name), file.Content, file.Mode); err != nil {
			return err
		}
	}
	if err := r.certify(dir+"/tls", "", part.Pod, string(part.Pod.Component)); err != nil {
		return err
	}
	if part.Pod.Component == topology.Postgres {
		return r.certify(dir+"/tls", "replicator", part.Pod, "replicator")
	}
	return nil
}

// certify writes a certificate for the pod under name, which is also the
// database user that it stands for. A prefix tells a second one apart.
func (r *Region) certify(dir, prefix string, pod topology.Pod, name string) error {
	ips := []net.IP{pod.Addr().AsSlice(), net.IPv4(127, 0, 0, 1)}
	if pod.Component == topology.Prometheus || pod.Component == topology.Alertmanager || pod.Component == topology.Gateway {
		ips = append(ips, net.IPv6loopback)
	}
	leaf, err := r.authority.Issue(name, string(pod.Component), []string{pod.DNSName(), "localhost"}, ips)
	if err != nil {
		return err
	}
	certName, keyName := "cert.pem", "key.pem"
	if prefix != "" {
		certName, keyName = prefix+".pem", prefix+"-key.pem"
	}
	files := map[string][]byte{certName: leaf.Cert, keyName: leaf.Key}
	if prefix == "" {
		files["ca.pem"] = r.authority.PEM()
		files["both.pem"] = append(append([]byte{}, leaf.Cert...), leaf.Key...)
	}
	for file, content := range files {
		if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// secrets draws what has to be the same in every zone.
func (r *Region) secrets() error {
	pepper, err := random(32)
	if err != nil {
		return err
	}
	pin, err := random(16)
	if err != nil {
		return err
	}
	for _, zone := range topology.Zones() {
		identity := r.site.Dir(topology.Pod{Zone: zone, Component: topology.Identity})
		hsm := r.site.Dir(topology.Pod{Zone: zone, Component: topology.HSM})
		for path, content := range map[string][]byte{identity + "/pepper": pepper, hsm + "/pin": pin} {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				return fmt.Errorf("write secret: %w", err)
			}
		}
	}
	return nil
}

// handOver gives each pod's folder to the user it runs as.
func (r *Region) handOver() error {
	if r.order.Rootless {
		return nil // all of it is one user's already
	}
	for pod, node := range r.nodes {
		owner, err := user.Lookup(node.part.User)
		if err != nil {
			return fmt.Errorf("find user of %s: %w", pod, err)
		}
		uid, uidErr := strconv.Atoi(owner.Uid)
		gid, gidErr := strconv.Atoi(owner.Gid)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return fmt.Errorf("read ids of %s: %w", node.part.User, err)
		}
		err = filepath.WalkDir(r.site.Dir(pod), func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, uid, gid)
		})
		if err != nil {
			return fmt.Errorf("give folder of %s to %s: %w", pod, node.part.User, err)
		}
	}
	return nil
}

// random draws n bytes, as hex: several of the programs read a line of text.
func random(n int) ([]byte, error) {
	raw := make([]byte, n)
	if _, err := rand.Read(raw); err != nil {
		return nil, fmt.Errorf("draw secret: %w", err)
	}
	return []byte(hex.EncodeToString(raw)), nil
}

// authorise is the certificate by which the region itself asks its pods.
func authorise(authority *pki.Authority) (pki.Leaf, error) {
	return authority.Issue("lab", "lab", []string{"region.lab"}, []net.IP{topology.Router(topology.Outside).AsSlice()})
}
