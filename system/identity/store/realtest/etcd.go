package realtest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Etcd is one cluster.
type Etcd struct {
	Members []*Process
	// Dirs are where the members keep their data.
	Dirs []string
	// Ports are those of the members for clients, Endpoints their addresses.
	Ports     []int
	Endpoints []string
}

// StartEtcd starts a cluster of members.
func (s *Site) StartEtcd(ctx context.Context, members int) (*Etcd, error) {
	server, err := program("etcd", "etcd-server")
	if err != nil {
		return nil, err
	}
	files, err := s.CA.Issue("etcd")
	if err != nil {
		return nil, err
	}
	asks, err := files.Client()
	if err != nil {
		return nil, err
	}
	cluster := &Etcd{}
	names, peers, initial := make([]string, members), make([]string, members), make([]string, members)
	for i := range members {
		client, err := s.Ports.Free()
		if err != nil {
			return nil, err
		}
		peer, err := s.Ports.Free()
		if err != nil {
			return nil, err
		}
		peers[i] = "http://" + Address(peer)
		names[i] = fmt.Sprintf("etcd-%d", client)
		initial[i] = names[i] + "=" + peers[i]
		cluster.Dirs = append(cluster.Dirs, filepath.Join(s.dir, names[i]))
		cluster.Ports = append(cluster.Ports, client)
		cluster.Endpoints = append(cluster.Endpoints, "https://"+Address(client))
	}
	var group errgroup.Group
	for i, name := range names {
		member := s.own(&Process{
			Name: name, log: filepath.Join(s.dir, name+".log"), ready: follows(asks, cluster.Endpoints[i]),
			args: []string{
				server, "--name=" + name, "--data-dir=" + cluster.Dirs[i],
				fmt.Sprintf("--unsafe-no-fsync=%t", !s.Durable),
				"--heartbeat-interval=100", "--election-timeout=600", "--pre-vote",
				"--listen-client-urls=" + cluster.Endpoints[i], "--advertise-client-urls=" + cluster.Endpoints[i],
				"--listen-peer-urls=" + peers[i], "--initial-advertise-peer-urls=" + peers[i],
				"--initial-cluster=" + strings.Join(initial, ","),
				"--client-cert-auth", "--cert-file=" + string(files.Cert), "--key-file=" + string(files.Key), "--trusted-ca-file=" + string(files.CA),
			},
		})
		cluster.Members = append(cluster.Members, member)
		group.Go(func() error { return member.Start(ctx) })
	}
	return cluster, group.Wait()
}

// follows is ready when the member at endpoint has a leader, without which it
// answers nothing. It takes connections long before, and lets them wait.
func follows(config *tls.Config, endpoint string) func(context.Context) error {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, askLimit)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/health", http.NoBody)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s has no leader: %s", endpoint, response.Status)
		}
		return errors.Join(err, response.Body.Close())
	}
}
