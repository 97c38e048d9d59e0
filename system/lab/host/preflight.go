package host

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
)

// need is one thing that a Debian package brings.
type need struct {
	pattern string // a path, or a glob of which the last match counts
	pkg     string
}

func needs() []need {
	return []need{
		{"/usr/bin/etcd", "etcd-server"},
		{"/usr/bin/patroni", "patroni"},
		{"/usr/lib/python3/dist-packages/etcd", "python3-etcd"},
		{"/usr/lib/python3/dist-packages/psycopg2", "python3-psycopg2"},
		{postgresPattern, "postgresql-15"},
		{"/usr/bin/redis-server", "redis-server"},
		{"/usr/bin/redis-sentinel", "redis-sentinel"},
		{"/usr/sbin/haproxy", "haproxy"},
		{softHSMPattern, "softhsm2"},
		{"/usr/bin/prometheus", "prometheus"},
		{"/usr/bin/prometheus-alertmanager", "prometheus-alertmanager"},
	}
}

const (
	postgresPattern = "/usr/lib/postgresql/*/bin/postgres"
	softHSMPattern  = "/usr/lib/softhsm/libsofthsm2.so"
)

// installation is where the programs were found.
type installation struct {
	postgresBin string
	softHSM     string
	programs    string
}

// inspect checks that everything the lab runs is there, and says which command
// installs what is not.
func inspect() (installation, error) {
	var missing []string
	found := map[string]string{}
	for _, needed := range needs() {
		matches, err := filepath.Glob(needed.pattern)
		if err != nil {
			return installation{}, fmt.Errorf("look for %s: %w", needed.pattern, err)
		}
		if len(matches) == 0 {
			missing = append(missing, needed.pkg)
			continue
		}
		found[needed.pattern] = slices.Max(matches)
	}
	if len(missing) > 0 {
		return installation{}, fmt.Errorf("missing packages: %s\ninstall them without starting their services: make deps (or: apt-get install %s)",
			strings.Join(missing, ", "), strings.Join(missing, " "))
	}
	self, err := os.Executable()
	if err != nil {
		return installation{}, fmt.Errorf("find own program: %w", err)
	}
	programs := filepath.Dir(self)
	if _, err := os.Stat(filepath.Join(programs, "identity")); err != nil {
		return installation{}, fmt.Errorf("the identity system's program is not beside the lab's: %w\nbuild it: make build", err)
	}
	if err := namespacesAllowed(); err != nil {
		return installation{}, err
	}
	return installation{filepath.Dir(found[postgresPattern]), found[softHSMPattern], programs}, nil
}

// namespacesAllowed reports why the kernel would not let this user make
// namespaces.
func namespacesAllowed() error {
	if os.Geteuid() == 0 {
		return nil
	}
	for file, want := range map[string]string{
		"/proc/sys/kernel/unprivileged_userns_clone":             "1",
		"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "0",
	} {
		value, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue // this kernel has no such switch
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		if got := strings.TrimSpace(string(value)); got != want {
			return fmt.Errorf("unprivileged user namespaces are off (%s is %s): run the lab as root, or set it to %s", file, got, want)
		}
	}
	limit, err := os.ReadFile("/proc/sys/user/max_user_namespaces")
	if err == nil && strings.TrimSpace(string(limit)) == "0" {
		return errors.New("unprivileged user namespaces are off (/proc/sys/user/max_user_namespaces is 0): run the lab as root")
	}
	return nil
}

// DefaultState is the folder that holds a lab's files: $TOCSIN_LAB_STATE, else
// below the XDG state folder, else below the home of the user.
func DefaultState() (string, error) {
	if set := os.Getenv("TOCSIN_LAB_STATE"); set != "" {
		return filepath.Abs(set)
	}
	if state := os.Getenv("XDG_STATE_HOME"); state != "" {
		return filepath.Join(state, "tocsin-lab"), nil
	}
	home := os.Getenv("HOME")
	if home == "" {
		current, err := user.Current()
		if err != nil {
			return "", fmt.Errorf("find home folder: %w", err)
		}
		home = current.HomeDir
	}
	return filepath.Join(home, ".local", "state", "tocsin-lab"), nil
}
