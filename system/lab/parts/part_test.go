package parts

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/system/lab/pki"
	"tocsin/system/lab/topology"
)

// furnish writes a pod's folder the way the region does.
func furnish(t *testing.T, pod topology.Pod) (dir string, part Part) {
	t.Helper()
	site := Site{Root: t.TempDir(), Programs: "/programs", Issuer: "https://localhost:8443", PostgresBin: "/usr/lib/postgresql/15/bin", SoftHSM: "/usr/lib/softhsm/libsofthsm2.so", IdentityDigest: strings.Repeat("ab", 32)}
	part, err := site.Make(pod)
	if err != nil {
		t.Fatal(err)
	}
	dir = site.Dir(pod)
	for _, sub := range part.Dirs {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	authority, err := pki.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.Issue("test", "test", []string{"localhost"}, []net.IP{pod.Addr().AsSlice()})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"tls/ca.pem": authority.PEM(), "tls/cert.pem": leaf.Cert, "tls/key.pem": leaf.Key, "tls/both.pem": append(leaf.Cert, leaf.Key...)}
	for _, file := range part.Files {
		files[file.Name] = file.Content
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, part
}

// accepts runs a program's own check of its configuration.
func accepts(t *testing.T, program string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("%s is missing; install it: make deps", program)
	}
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}

func TestProgramsAcceptTheirConfiguration(t *testing.T) {
	t.Run("gateway", func(t *testing.T) {
		dir, _ := furnish(t, topology.Pod{Zone: "b", Component: topology.Gateway})
		accepts(t, "/usr/sbin/haproxy", "-c", "-f", dir+"/haproxy.cfg")
	})
	t.Run("edge", func(t *testing.T) {
		dir, _ := furnish(t, topology.Pod{Component: topology.Edge})
		accepts(t, "/usr/sbin/haproxy", "-c", "-f", dir+"/haproxy.cfg")
	})
	t.Run("prometheus", func(t *testing.T) {
		dir, _ := furnish(t, topology.Pod{Component: topology.Prometheus})
		accepts(t, "promtool", "check", "config", dir+"/prometheus.yml")
		accepts(t, "promtool", "check", "web-config", dir+"/web.yml")
	})
	t.Run("alertmanager", func(t *testing.T) {
		dir, _ := furnish(t, topology.Pod{Component: topology.Alertmanager})
		accepts(t, "amtool", "check-config", dir+"/alertmanager.yml")
	})
}

func TestEveryPodCanBeMade(t *testing.T) {
	for _, pod := range topology.Pods() {
		t.Run(pod.String(), func(t *testing.T) {
			_, part := furnish(t, pod)
			if part.User == "" || part.User == "root" || part.Path == "" {
				t.Fatalf("runs %q as %q", part.Path, part.User)
			}
			for _, file := range part.Files {
				if strings.Contains(string(file.Content), "<no value>") {
					t.Errorf("%s has a hole", file.Name)
				}
				if file.Mode.Perm()&0o077 != 0 {
					t.Errorf("%s can be read by others", file.Name)
				}
			}
		})
	}
}

func TestPatroniIsMended(t *testing.T) {
	dir, _ := furnish(t, topology.Pod{Zone: "a", Component: topology.Postgres})
	accepts(t, "/usr/bin/python3", "testdata/start_patroni_test.py", dir+"/start-patroni.py")
	accepts(t, "/bin/sh", "-n", dir+"/catch-up.sh") // the tests with tag e2e run it
}

func TestAReplicaTellsWhichLinkIsDown(t *testing.T) {
	fields := parseInfo("# Replication\r\nrole:slave\r\nmaster_host:10.83.1.30\r\nmaster_link_status:down\r\n")
	if fields["role"] != "slave" || fields["master_host"] != "10.83.1.30" || fields["master_link_status"] != "down" {
		t.Fatalf("read %v", fields)
	}
}
