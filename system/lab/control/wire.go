// Package control is the lab's control socket: JSON over HTTP on a unix socket
// that only the lab's owner may open. It says what the lab is doing and takes
// faults, each with a lease.
package control

import (
	"errors"
	"time"
)

// SocketName is the name of the socket in the state folder.
const SocketName = "control.sock"

// ErrNoSabotage means that no sabotage has that name.
var ErrNoSabotage = errors.New("no such sabotage")

// Status is the lab at one moment.
type Status struct {
	Ready      bool        `json:"ready"`
	Started    time.Time   `json:"started"`
	Zones      []string    `json:"zones"`
	Components []Component `json:"components"`
	// Failure is why the lab cannot come up; empty while it can.
	Failure string `json:"failure,omitempty"`
}

// Component is one pod at one moment.
type Component struct {
	Zone          string  `json:"zone"`
	Component     string  `json:"component"`
	Role          string  `json:"role"`
	Ready         bool    `json:"ready"`
	Reason        string  `json:"reason"`
	Restarts      int     `json:"restarts"`
	UptimeSeconds float64 `json:"uptime_seconds"`
	PID           int     `json:"pid"`
	Fault         string  `json:"fault"`
}

// FaultRequest asks for a fault. Lease is a Go duration, such as "30s".
type FaultRequest struct {
	Kind      string `json:"kind"`
	Zone      string `json:"zone"`
	Component string `json:"component"`
	Lease     string `json:"lease"`
	Holder    string `json:"holder"`
}

// RenewRequest asks for more time.
type RenewRequest struct {
	Lease string `json:"lease"`
}

// Fault is one fault, in force or over.
type Fault struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind"`
	Zone      string     `json:"zone"`
	Component string     `json:"component"`
	Holder    string     `json:"holder"`
	State     string     `json:"state"`
	Targets   []string   `json:"targets"`
	Injected  time.Time  `json:"injected"`
	Expires   time.Time  `json:"expires"`
	Reverted  *time.Time `json:"reverted,omitempty"`
	EndedBy   string     `json:"ended_by"`
}

// Sabotage is a lasting change that has to turn a verdict red.
type Sabotage struct {
	Name    string `json:"name"`
	About   string `json:"about"`
	Applied bool   `json:"applied"`
}

// problem is the body of every answer that is not a success.
type problem struct {
	Error string `json:"error"`
}
