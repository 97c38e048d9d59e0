package parts

import (
	"context"
	"fmt"
	"net/http"

	"tocsin/system/lab/topology"
)

// Replication says when Postgres acknowledges a commit.
type Replication bool

// Synchronous waits for another zone; Asynchronous does not.
const (
	Synchronous  Replication = true
	Asynchronous Replication = false
)

// SetReplication changes the cluster's mode through Patroni's REST API at any
// of its agents.
func (c *Checker) SetReplication(ctx context.Context, pod topology.Pod, mode Replication) error {
	send := fmt.Sprintf(`{"synchronous_mode": %t, "synchronous_mode_strict": %t}`, mode, mode)
	status, body, err := c.call(ctx, http.MethodPatch, pod.At(topology.PortPatroni), "/config", send)
	if err != nil {
		return fmt.Errorf("change replication at %s: %w", pod, err)
	}
	if status != http.StatusOK {
		return fmt.Errorf("change replication at %s: Patroni answers %d: %s", pod, status, brief(body))
	}
	return nil
}
