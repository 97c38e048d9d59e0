// Package chaos owns the fault vocabulary and the contract every injector
// keeps. How a fault is made is the injector's business (chaos/lab); what it is
// for is the scenario's.
package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrHeld says that another fault is in force at one of the targets: one
// experiment at a time.
var ErrHeld = errors.New("another fault is in force at a target")

// ErrNoFault says that the injector knows no fault of that id.
var ErrNoFault = errors.New("no such fault")

// Kind names what a fault does.
type Kind string

const (
	// Kill ends every process of the target at once and keeps it ended.
	Kill Kind = "kill"
	// Freeze stops every process of the target without ending it.
	Freeze Kind = "freeze"
	// Cut drops every packet to and from the target.
	Cut Kind = "cut"
)

// Fault is one failure to inject. Zone, Component or both name its target; the
// empty one means all.
type Fault struct {
	Kind      Kind   `json:"kind"`
	Zone      string `json:"zone,omitempty"`
	Component string `json:"component,omitempty"`
}

// String renders the fault for people, such as "kill of postgres in zone a".
func (f Fault) String() string {
	switch {
	case f.Zone == "" && f.Component == "":
		return string(f.Kind)
	case f.Component == "":
		return fmt.Sprintf("%s of zone %s", f.Kind, f.Zone)
	case f.Zone == "":
		return fmt.Sprintf("%s of %s", f.Kind, f.Component)
	}
	return fmt.Sprintf("%s of %s in zone %s", f.Kind, f.Component, f.Zone)
}

// Injection is a fault that an injector has put in force.
type Injection struct {
	ID       string        `json:"id"`
	Fault    Fault         `json:"fault"`
	State    State         `json:"state"`
	Targets  []string      `json:"targets"`
	Injected time.Time     `json:"injected"`
	Expires  time.Time     `json:"expires"`
	Reverted *time.Time    `json:"reverted,omitempty"`
	EndedBy  string        `json:"ended_by,omitempty"`
	Took     time.Duration `json:"took_ns"`
}

// State is where an injection stands.
type State string

const (
	InForce  State = "in-force"
	Reverted State = "reverted"
)

// Who ended an injection.
const (
	EndedByHolder = "holder"
	EndedByLease  = "lease"
)

// Injector makes faults in one world. Every fault has a lease: it ends by itself
// when its holder does not renew it.
type Injector interface {
	// Inject returns once the fault is observed to be in force at every target.
	Inject(ctx context.Context, fault Fault, lease time.Duration, holder string) (Injection, error)
	// Renew extends the lease to ttl from now.
	Renew(ctx context.Context, id string, ttl time.Duration) error
	// Status reports where the injection stands.
	Status(ctx context.Context, id string) (Injection, error)
	// Revert ends the fault and returns once that is observed. It is idempotent.
	Revert(ctx context.Context, id string) (Injection, error)
}
