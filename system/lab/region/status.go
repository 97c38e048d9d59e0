package region

import (
	"context"
	"time"

	"tocsin/system/lab/control"
	"tocsin/system/lab/fault"
	"tocsin/system/lab/topology"
)

// Status is the lab as it is now. It takes up to askWithin while a pod does not
// answer.
func (r *Region) Status(ctx context.Context) control.Status {
	r.askWhoever(ctx)
	r.mu.Lock()
	failure := r.failure
	r.mu.Unlock()
	status := control.Status{Ready: true, Started: r.started, Zones: topology.Zones(), Failure: failure}
	for _, known := range topology.Pods() {
		component := r.describe(r.nodes[known])
		status.Ready = status.Ready && component.Ready
		status.Components = append(status.Components, component)
	}
	return status
}

func (r *Region) describe(n *node) control.Component {
	process, health := n.supervisor.Status(), n.lastHealth()
	described := control.Component{
		Zone: n.part.Pod.Zone, Component: string(n.part.Pod.Component), Role: health.Role,
		Ready: health.Ready && process.Running, Reason: health.Reason, Restarts: process.Restarts, PID: process.PID,
	}
	if process.Running {
		described.UptimeSeconds = time.Since(process.Started).Seconds()
	} else {
		described.Role = ""
	}
	if entry, found := r.book.On(n.part.Pod); found {
		described.Fault = string(entry.Spec.Kind)
	} else if process.Held {
		described.Fault = "sabotage"
	}
	return described
}

// Inject, Renew, Revert, Fault and Faults are the book's, in the words of the
// control socket.
func (r *Region) Inject(ctx context.Context, ask control.FaultRequest, lease time.Duration) (control.Fault, error) {
	spec := fault.Spec{Kind: fault.Kind(ask.Kind), Zone: ask.Zone, Component: topology.Component(ask.Component)}
	entry, err := r.book.Inject(ctx, spec, lease, ask.Holder)
	return describeFault(entry), err
}

// Renew lets a fault last lease from now.
func (r *Region) Renew(id string, lease time.Duration) (control.Fault, error) {
	entry, err := r.book.Renew(id, lease)
	return describeFault(entry), err
}

// Revert ends a fault.
func (r *Region) Revert(ctx context.Context, id string) (control.Fault, error) {
	entry, err := r.book.Revert(ctx, id)
	return describeFault(entry), err
}

// Fault is one fault by its id.
func (r *Region) Fault(id string) (control.Fault, error) {
	entry, err := r.book.Get(id)
	return describeFault(entry), err
}

// Faults is every fault, oldest first.
func (r *Region) Faults() []control.Fault {
	all := []control.Fault{}
	for _, entry := range r.book.List() {
		all = append(all, describeFault(entry))
	}
	return all
}

// Shutdown ends the lab.
func (r *Region) Shutdown() { r.stop() }

func describeFault(entry fault.Entry) control.Fault {
	described := control.Fault{
		ID: entry.ID, Kind: string(entry.Spec.Kind), Zone: entry.Spec.Zone, Component: string(entry.Spec.Component),
		Holder: entry.Holder, State: "in-force", Injected: entry.Injected, Expires: entry.Expires, EndedBy: entry.EndedBy,
	}
	if !entry.InForce() {
		described.State = "reverted"
		described.Reverted = &entry.Reverted
	}
	for _, target := range entry.Targets {
		described.Targets = append(described.Targets, target.String())
	}
	return described
}
