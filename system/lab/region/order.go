package region

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
)

// Command is the hidden command of the lab that runs the region.
const Command = "region"

// Where things are inside the region, whatever they are called outside.
const (
	rootInside     = "/run/lab"
	podsInside     = "/run/lab-pods"
	programsInside = "/run/lab-programs"
)

// PodsFolder is the folder of the state folder that holds one for every pod.
const PodsFolder = "pods"

// Files that the region inherits, by number.
const (
	lifelineFD = 3
	controlFD  = 4
	firstDoor  = 5
)

// Door is one address of the host behind which a part of the lab stands. The
// host listens, for the region has no way to the host's network; the region
// inherits the listener and answers.
type Door struct {
	// Listen is the address on the host, Target the one inside.
	Listen string `json:"listen"`
	Target string `json:"target"`
}

// Order is what the host asks the region to be.
type Order struct {
	// State and Programs are folders of the host.
	State    string `json:"state"`
	Programs string `json:"programs"`
	// Issuer is the public address of the identity system.
	Issuer string `json:"issuer"`
	// Zones, Prometheus and Alertmanager are URLs on the host.
	Zones        map[string]string `json:"zones"`
	Prometheus   string            `json:"prometheus"`
	Alertmanager string            `json:"alertmanager"`
	// HostRelay is the unix socket by which the region reaches the harness.
	HostRelay   string `json:"host_relay"`
	PostgresBin string `json:"postgres_bin"`
	SoftHSM     string `json:"softhsm"`
	Rootless    bool   `json:"rootless"`
	Doors       []Door `json:"doors"`
}

// Encode is the order as the argument of Command.
func (o Order) Encode() (string, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return "", fmt.Errorf("encode order: %w", err)
	}
	return string(text), nil
}

// Decode reads an order.
func Decode(text string) (Order, error) {
	var order Order
	if err := json.Unmarshal([]byte(text), &order); err != nil {
		return Order{}, fmt.Errorf("decode order: %w", err)
	}
	return order, nil
}

// inherited opens the listener that the host passed under that number.
func inherited(fd uintptr, name string) (net.Listener, error) {
	file := os.NewFile(fd, name)
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("take over listener %s: %w", name, err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("take over listener %s: %w", name, err)
	}
	return listener, nil
}
