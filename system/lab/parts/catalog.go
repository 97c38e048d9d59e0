package parts

import (
	"fmt"
	"strings"

	"tocsin/system/lab/topology"
)

// recipe makes the part of one component.
type recipe struct {
	user     string
	nice     int
	template string
	config   string   // the file's name in the pod's folder
	also     []string // further templates, each a file of the same name
	path     string
	args     func(v view) []string
	env      []string
	after    []topology.Component // in every zone
}

func (s Site) recipes() map[topology.Component]recipe {
	own := s.Programs + "/identity"
	serve := func(command, config string) func(view) []string {
		return func(v view) []string { return []string{command, "--config", v.Dir + "/" + config} }
	}
	// Consensus, storage and balancers keep their promises by answering in
	// time, however busy the identity system's programs are.
	const first = -10
	// Each pod has one processor, as one with a limit would: the runtime of Go then
	// wakes no threads that find nothing to do. The heaps of those that serve every
	// login are small, and collected less often than by default.
	frugal := []string{"GOMAXPROCS=1", "GOGC=400", "GOMEMLIMIT=192MiB"}
	return map[topology.Component]recipe{
		topology.Etcd: {user: "etcd", nice: first, path: "/usr/bin/etcd", args: etcdArgs, env: []string{"GOMAXPROCS=1", "GOGC=400"}},
		topology.Postgres: {
			user: "postgres", nice: first, template: "patroni.yml", config: "patroni.yml", path: "/usr/bin/python3",
			args:  func(v view) []string { return []string{v.Dir + "/start-patroni.py", v.Dir + "/patroni.yml"} },
			also:  []string{"start-patroni.py", "catch-up.sh"},
			after: []topology.Component{topology.Etcd},
		},
		topology.Redis: {
			user: "redis", nice: first, template: "redis.conf", config: "redis.conf", path: "/usr/bin/redis-server",
			args: func(v view) []string { return []string{v.Dir + "/redis.conf"} },
		},
		topology.Sentinel: {
			user: "redis", nice: first, template: "sentinel.conf", config: "sentinel.conf", path: "/usr/bin/redis-sentinel",
			args:  func(v view) []string { return []string{v.Dir + "/sentinel.conf"} },
			after: []topology.Component{topology.Redis},
		},
		topology.HSM: {user: "nobody", template: "hsm.yaml", config: "hsm.yaml", path: own, args: serve("hsm", "hsm.yaml"), env: frugal},
		topology.Identity: {
			user: "nobody", template: "identity.yaml", config: "identity.yaml", path: own, env: frugal,
			args:  serve("provider", "identity.yaml"),
			also:  []string{"mock-id.yaml"},
			after: []topology.Component{topology.Postgres, topology.Sentinel, topology.HSM},
		},
		topology.UI: {
			user: "nobody", template: "ui.yaml", config: "ui.yaml", path: own, args: serve("ui", "ui.yaml"), env: frugal,
		},
		topology.Gateway: {user: "haproxy", nice: first, template: "gateway.cfg", config: "haproxy.cfg", path: "/usr/sbin/haproxy", args: haproxyArgs},
		topology.Edge:    {user: "haproxy", nice: first, template: "edge.cfg", config: "haproxy.cfg", path: "/usr/sbin/haproxy", args: haproxyArgs},
		topology.Prometheus: {
			user: "prometheus", also: []string{"web.yml"}, template: "prometheus.yml", config: "prometheus.yml", path: "/usr/bin/prometheus",
			args: prometheusArgs, env: []string{"GOMAXPROCS=1"},
		},
		topology.Alertmanager: {
			user: "prometheus", also: []string{"web.yml"}, template: "alertmanager.yml", config: "alertmanager.yml", path: "/usr/bin/prometheus-alertmanager",
			args: alertmanagerArgs, env: []string{"GOMAXPROCS=1"},
		},
	}
}

// Ceremony renders the configuration by which the signing key is made: it alone
// names the security officer's PIN.
func (s Site) Ceremony(pod topology.Pod) ([]byte, error) { return s.render("ceremony.yaml", pod) }

// Make renders the part of a pod.
func (s Site) Make(pod topology.Pod) (Part, error) {
	recipe, known := s.recipes()[pod.Component]
	if !known {
		return Part{}, fmt.Errorf("component %s has no recipe", pod.Component)
	}
	v := s.view(pod)
	part := Part{Pod: pod, User: recipe.user, Nice: recipe.nice, Path: recipe.path, Args: recipe.args(v), Env: s.env(recipe.env...), Dirs: []string{"tls", "data"}}
	if recipe.template != "" {
		content, err := s.render(recipe.template, pod)
		if err != nil {
			return Part{}, err
		}
		part.Files = append(part.Files, File{Name: recipe.config, Content: content, Mode: 0o600})
	}
	for _, name := range recipe.also {
		content, err := s.render(name, pod)
		if err != nil {
			return Part{}, err
		}
		part.Files = append(part.Files, File{Name: name, Content: content, Mode: 0o600})
	}
	if pod.Component == topology.Prometheus {
		part.Dirs = append(part.Dirs, "rules")
	}
	for _, needed := range recipe.after {
		for _, zone := range v.Zones {
			part.After = append(part.After, topology.Pod{Zone: zone, Component: needed})
		}
	}
	return part, nil
}

func etcdArgs(v view) []string {
	var cluster []string
	for _, zone := range v.Zones {
		cluster = append(cluster, "etcd-"+zone+"=https://"+v.PodAt(zone, "etcd", topology.PortEtcdPeer))
	}
	client, peer := "https://"+v.At(topology.PortEtcdClient), "https://"+v.At(topology.PortEtcdPeer)
	return []string{
		"--name=etcd-" + v.Zone, "--data-dir=" + v.Dir + "/data",
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=" + strings.Join(cluster, ","), "--initial-cluster-state=new", "--initial-cluster-token=tocsin-lab",
		"--client-cert-auth", "--cert-file=" + v.TLS() + "/cert.pem", "--key-file=" + v.TLS() + "/key.pem", "--trusted-ca-file=" + v.TLS() + "/ca.pem",
		"--peer-client-cert-auth", "--peer-cert-file=" + v.TLS() + "/cert.pem", "--peer-key-file=" + v.TLS() + "/key.pem", "--peer-trusted-ca-file=" + v.TLS() + "/ca.pem",
		"--heartbeat-interval=100", "--election-timeout=600", "--pre-vote",
		"--auto-compaction-mode=periodic", "--auto-compaction-retention=5m", "--quota-backend-bytes=536870912",
		"--log-level=warn", "--logger=zap",
	}
}

func haproxyArgs(v view) []string { return []string{"-db", "-f", v.Dir + "/haproxy.cfg"} }

func prometheusArgs(v view) []string {
	return []string{
		"--config.file=" + v.Dir + "/prometheus.yml", "--web.config.file=" + v.Dir + "/web.yml",
		"--web.listen-address=" + v.At(topology.PortPrometheus), "--web.enable-lifecycle",
		"--storage.tsdb.path=" + v.Dir + "/data", "--storage.tsdb.retention.time=2d",
		"--enable-feature=exemplar-storage", "--log.level=warn",
	}
}

func alertmanagerArgs(v view) []string {
	return []string{
		"--config.file=" + v.Dir + "/alertmanager.yml", "--web.config.file=" + v.Dir + "/web.yml",
		"--web.listen-address=" + v.At(topology.PortAlertmanager), "--cluster.listen-address=",
		"--storage.path=" + v.Dir + "/data", "--log.level=warn",
	}
}
