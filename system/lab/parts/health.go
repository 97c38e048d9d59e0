package parts

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"tocsin/system/lab/topology"
)

// Health is what a pod says of itself.
type Health struct {
	// Role is "primary" or "replica" where copies differ, "sync replica" for
	// the one in Postgres that would take over if the primary were lost now,
	// "leader" or "follower" in etcd, and empty elsewhere.
	Role  string
	Ready bool
	// Reason says why a pod is not ready.
	Reason string
}

// Checker asks pods for their health over mutual TLS.
type Checker struct {
	http   *http.Client
	stores *stores
}

// answerLimit bounds what a pod may answer, in bytes.
const answerLimit = 1 << 20

// NewChecker makes a checker that presents the certificate in config.
func NewChecker(config *tls.Config) *Checker {
	transport := &http.Transport{
		TLSClientConfig:     config,
		MaxIdleConnsPerHost: 1,
		IdleConnTimeout:     30 * time.Second,
	}
	return &Checker{http: &http.Client{Transport: transport}, stores: newStores(config)}
}

// Close ends the checker's connections.
func (c *Checker) Close() error {
	c.http.CloseIdleConnections()
	return c.stores.close()
}

// Check asks one pod. It always answers; ctx bounds how long it takes.
func (c *Checker) Check(ctx context.Context, pod topology.Pod) Health {
	role, err := c.ask(ctx, pod)
	if err != nil {
		return Health{Role: role, Reason: reason(err)}
	}
	return Health{Role: role, Ready: true}
}

func (c *Checker) ask(ctx context.Context, pod topology.Pod) (role string, err error) {
	switch pod.Component {
	case topology.Etcd:
		return c.etcd(ctx, pod)
	case topology.Postgres:
		return c.postgres(ctx, pod)
	case topology.Redis:
		return c.stores.redis(ctx, pod)
	case topology.Sentinel:
		return "", c.stores.sentinel(ctx, pod)
	case topology.HSM:
		return "", c.ok(ctx, pod.At(topology.PortHSM), "/readyz")
	case topology.Identity, topology.UI:
		return "", c.ok(ctx, pod.At(topology.PortOps), "/readyz")
	case topology.Gateway, topology.Edge:
		return "", c.ok(ctx, pod.At(topology.PortOps), "/lb-check")
	default:
		return "", c.ok(ctx, pod.At(pod.Port()), "/-/ready")
	}
}

// Alive asks a pod whether its process works at all, whatever it depends on.
// Components that have no such question are alive while their process is.
func (c *Checker) Alive(ctx context.Context, pod topology.Pod) error {
	switch pod.Component {
	case topology.Postgres:
		return c.ok(ctx, pod.At(topology.PortPatroni), "/liveness")
	case topology.HSM:
		return c.ok(ctx, pod.At(topology.PortHSM), "/livez")
	case topology.Identity, topology.UI, topology.Gateway:
		return c.ok(ctx, pod.At(topology.PortOps), "/livez")
	case topology.Prometheus, topology.Alertmanager:
		return c.ok(ctx, pod.At(pod.Port()), "/-/healthy")
	default:
		return nil
	}
}

// ok wants a 2xx answer.
func (c *Checker) ok(ctx context.Context, addr, path string) error {
	status, body, err := c.call(ctx, http.MethodGet, addr, path, "")
	if err != nil {
		return err
	}
	if status/100 != 2 {
		return fmt.Errorf("%s answers %d: %s", path, status, brief(body))
	}
	return nil
}

func (c *Checker) call(ctx context.Context, method, addr, path, send string) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "https://"+addr+path, strings.NewReader(send))
	if err != nil {
		return 0, nil, fmt.Errorf("make request to %s: %w", addr, err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	body, readErr := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err := errors.Join(readErr, response.Body.Close()); err != nil {
		return 0, nil, fmt.Errorf("read answer of %s: %w", addr, err)
	}
	return response.StatusCode, body, nil
}

// etcd asks a member for its own number and its leader's: a member without a
// leader serves nothing.
func (c *Checker) etcd(ctx context.Context, pod topology.Pod) (string, error) {
	status, body, err := c.call(ctx, http.MethodPost, pod.At(topology.PortEtcdClient), "/v3/maintenance/status", "{}")
	if err != nil {
		return "", err
	}
	if status != http.StatusOK {
		return "", fmt.Errorf("status answers %d: %s", status, brief(body))
	}
	var member struct {
		Header struct {
			MemberID string `json:"member_id"`
		} `json:"header"`
		Leader string `json:"leader"`
	}
	if err := json.Unmarshal(body, &member); err != nil {
		return "", fmt.Errorf("read member status: %w", err)
	}
	switch member.Leader {
	case "", "0":
		return "", errors.New("no leader")
	case member.Header.MemberID:
		return "leader", nil
	}
	return "follower", nil
}

// brief is the first line of an answer, for a person.
func brief(body []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	return line[:min(len(line), 160)]
}

// reason shortens an error to what a person needs.
func reason(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	text := err.Error()
	if at := strings.LastIndex(text, ": "); at > 0 && len(text) > 120 {
		text = text[at+2:]
	}
	return text
}

// Reload makes a monitoring pod read its configuration again.
func (c *Checker) Reload(ctx context.Context, pod topology.Pod) error {
	status, body, err := c.call(ctx, http.MethodPost, pod.At(pod.Port()), "/-/reload", "")
	if err != nil {
		return fmt.Errorf("reload %s: %w", pod, err)
	}
	if status != http.StatusOK {
		return fmt.Errorf("reload %s: it answers %d: %s", pod, status, brief(body))
	}
	return nil
}
