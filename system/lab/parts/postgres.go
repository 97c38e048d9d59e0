package parts

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"tocsin/system/lab/topology"
)

// scope is where Patroni's members keep in etcd what they agree on, and
// memberPrefix what each of their names begins with; the zone follows.
const (
	scope        = "/service/identity/"
	memberPrefix = "postgres-"
)

// server is what Patroni tells of the Postgres beside it. The state and the
// senders are read from Postgres for each answer; what Patroni says of the
// cluster besides is as old as its last look at etcd.
type server struct {
	State   string `json:"state"`
	Role    string `json:"role"`
	Senders []struct {
		Standby   string `json:"application_name"`
		State     string `json:"state"`
		SyncState string `json:"sync_state"`
	} `json:"replication"`
}

// sends reports whether the server streams to the standby, and whether its
// commits wait for that standby.
func (s server) sends(standby string) (streams, waits bool) {
	for _, sender := range s.Senders {
		if sender.Standby == standby && sender.State == "streaming" {
			return true, sender.SyncState == "sync" || sender.SyncState == "quorum"
		}
	}
	return false, false
}

// agreement is what decides who may take over: Patroni promotes a standby only
// if the last leader appointed it, and nobody while nobody is appointed.
type agreement struct {
	leader    string
	appointed []string
}

// postgres finds out the role of a server. It is ready when it would be missed:
// a primary when it holds the leader's key, a standby when the primary streams
// to it. A standby that merely runs could not take over, and would be believed
// to be a copy that it is not.
func (c *Checker) postgres(ctx context.Context, pod topology.Pod) (string, error) {
	own, err := c.server(ctx, pod)
	if err != nil {
		return "", err
	}
	role := own.Role
	if role == "master" {
		role = "primary"
	}
	if own.State != "running" {
		return role, fmt.Errorf("server is %s", own.State)
	}
	if role != "primary" && role != "replica" {
		return role, fmt.Errorf("server is %s", role)
	}
	agreed, err := c.agreement(ctx)
	if err != nil {
		return role, err
	}
	name := memberPrefix + pod.Zone
	if role == "primary" {
		if agreed.leader != name {
			return role, fmt.Errorf("does not hold the leader's key; %s does", orNobody(agreed.leader))
		}
		return role, nil
	}
	leader := topology.Pod{Zone: strings.TrimPrefix(agreed.leader, memberPrefix), Component: topology.Postgres}
	if !slices.Contains(topology.Zones(), leader.Zone) {
		return role, errors.New("there is no primary")
	}
	primary, err := c.server(ctx, leader)
	if err != nil {
		return role, fmt.Errorf("primary %s does not answer: %w", leader, err)
	}
	streams, waits := primary.sends(name)
	if !streams {
		return role, fmt.Errorf("primary %s does not stream to it", leader)
	}
	if waits && slices.Contains(agreed.appointed, name) {
		role = "sync replica"
	}
	return role, nil
}

func (c *Checker) server(ctx context.Context, pod topology.Pod) (told server, err error) {
	_, body, err := c.call(ctx, http.MethodGet, pod.At(topology.PortPatroni), "/patroni", "")
	if err != nil {
		return told, err
	}
	if err := json.Unmarshal(body, &told); err != nil {
		return told, fmt.Errorf("read server status: %w", err)
	}
	return told, nil
}

// agreement asks all members of etcd at once and takes the first answer: each
// answers for the quorum, and those of a lost zone do not answer.
func (c *Checker) agreement(ctx context.Context) (agreement, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		agreed agreement
		err    error
	}
	zones := topology.Zones()
	answers := make(chan answer, len(zones))
	for _, zone := range zones {
		go func() {
			agreed, err := c.agreementAt(ctx, topology.Pod{Zone: zone, Component: topology.Etcd})
			answers <- answer{agreed, err}
		}()
	}
	var failed []error
	for range zones {
		got := <-answers
		if got.err == nil {
			return got.agreed, nil
		}
		failed = append(failed, got.err)
	}
	return agreement{}, fmt.Errorf("ask etcd who leads: %w", errors.Join(failed...))
}

func (c *Checker) agreementAt(ctx context.Context, pod topology.Pod) (agreement, error) {
	encode := base64.StdEncoding.EncodeToString
	// Of Patroni's keys, those from "leader" to "sync".
	ask := fmt.Sprintf(`{"key": %q, "range_end": %q}`, encode([]byte(scope+"leader")), encode([]byte(scope+"sync\x00")))
	status, body, err := c.call(ctx, http.MethodPost, pod.At(topology.PortEtcdClient), "/v3/kv/range", ask)
	if err != nil {
		return agreement{}, err
	}
	if status != http.StatusOK {
		return agreement{}, fmt.Errorf("%s answers %d: %s", pod, status, brief(body))
	}
	return readAgreement(body)
}

// readAgreement reads etcd's answer. An appointment by somebody who leads no
// longer is none: Patroni's members go by it only while nobody leads, and the
// new leader makes its own first.
func readAgreement(body []byte) (agreed agreement, err error) {
	var found struct {
		Keys []struct {
			Key, Value []byte
		} `json:"kvs"`
	}
	if err := json.Unmarshal(body, &found); err != nil {
		return agreed, fmt.Errorf("read keys of etcd: %w", err)
	}
	var appointment struct {
		Leader   string `json:"leader"`
		Standbys string `json:"sync_standby"`
	}
	for _, pair := range found.Keys {
		switch strings.TrimPrefix(string(pair.Key), scope) {
		case "leader":
			agreed.leader = string(pair.Value)
		case "sync":
			if err := json.Unmarshal(pair.Value, &appointment); err != nil {
				return agreed, fmt.Errorf("read Patroni's appointment: %w", err)
			}
		}
	}
	if appointment.Standbys != "" && appointment.Leader == agreed.leader {
		agreed.appointed = strings.Split(appointment.Standbys, ",")
	}
	return agreed, nil
}

func orNobody(name string) string {
	if name == "" {
		return "nobody"
	}
	return name
}
