package realtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Redis is one server and the Sentinel that knows it as "identity".
type Redis struct {
	Server, Sentinel   *Process
	Port, SentinelPort int
}

// StartRedis starts both.
func (s *Site) StartRedis(ctx context.Context) (*Redis, error) {
	return s.startRedis(ctx, func(port int) (int, error) { return port, nil })
}

// StartRedisBehindNetwork starts both with a network in front of the server:
// the Sentinel knows it by the address of the proxy, and tells that to clients.
func (s *Site) StartRedisBehindNetwork(ctx context.Context) (redis *Redis, network *Network, err error) {
	redis, err = s.startRedis(ctx, func(port int) (int, error) {
		network, err = s.Network(port)
		if err != nil {
			return 0, err
		}
		return network.Ports[0], nil
	})
	return redis, network, err
}

// startRedis starts a server that its Sentinel knows by the port that known
// returns.
func (s *Site) startRedis(ctx context.Context, known func(port int) (int, error)) (*Redis, error) {
	binary, err := program("redis-server", "redis-server")
	if err != nil {
		return nil, err
	}
	files, err := s.CA.Issue("redis")
	if err != nil {
		return nil, err
	}
	made := &Redis{}
	for _, port := range []*int{&made.Port, &made.SentinelPort} {
		if *port, err = s.Ports.Free(); err != nil {
			return nil, err
		}
	}
	tls := []string{
		"port 0", "tls-cert-file " + string(files.Cert), "tls-key-file " + string(files.Key),
		"tls-ca-cert-file " + string(files.CA), "tls-auth-clients yes", "tls-replication yes", "bind 127.0.0.1",
	}
	made.Server, err = s.redisProcess(fmt.Sprintf("redis-%d", made.Port), binary, made.Port, append(tls, `save ""`))
	if err != nil {
		return nil, err
	}
	if err := made.Server.Start(ctx); err != nil {
		return nil, err
	}
	port, err := known(made.Port)
	if err != nil {
		return nil, err
	}
	monitor := fmt.Sprintf("sentinel monitor identity 127.0.0.1 %d 1", port)
	made.Sentinel, err = s.redisProcess(fmt.Sprintf("sentinel-%d", made.SentinelPort), binary, made.SentinelPort, append(tls, monitor, "sentinel down-after-milliseconds identity 1000"))
	if err != nil {
		return nil, err
	}
	made.Sentinel.args = append(made.Sentinel.args, "--sentinel")
	return made, made.Sentinel.Start(ctx)
}

func (s *Site) redisProcess(name, server string, port int, lines []string) (*Process, error) {
	file := filepath.Join(s.dir, name+".conf")
	lines = append(lines, fmt.Sprintf("tls-port %d", port), "dir "+s.dir)
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return nil, err
	}
	return s.own(&Process{Name: name, args: []string{server, file}, log: filepath.Join(s.dir, name+".log"), ready: accepts(port)}), nil
}
