// Package netns makes the lab's wires: network namespaces, the links between
// them, and the rules that drop packets without a word. A namespace lives as
// long as this process holds it, so nothing is left behind by a crash.
package netns

import (
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// Namespace is one network namespace.
type Namespace struct {
	name   string
	handle netns.NsHandle
	links  *netlink.Handle
}

// Current is the namespace this process runs in.
func Current(name string) (*Namespace, error) {
	handle, err := netns.Get()
	if err != nil {
		return nil, fmt.Errorf("open own network namespace: %w", err)
	}
	return open(name, handle)
}

// New makes an empty namespace with its loopback interface up.
func New(name string) (*Namespace, error) {
	handle, err := create()
	if err != nil {
		return nil, fmt.Errorf("create network namespace %s: %w", name, err)
	}
	made, err := open(name, handle)
	if err != nil {
		return nil, err
	}
	if err := made.raiseLoopback(); err != nil {
		return nil, err
	}
	return made, nil
}

func open(name string, handle netns.NsHandle) (*Namespace, error) {
	links, err := netlink.NewHandleAt(handle)
	if err != nil {
		return nil, fmt.Errorf("open netlink in namespace %s: %w", name, err)
	}
	return &Namespace{name: name, handle: handle, links: links}, nil
}

// create unshares on a thread of its own and lets the thread die with it
// unless it found its way back.
func create() (netns.NsHandle, error) {
	type made struct {
		handle netns.NsHandle
		err    error
	}
	result := make(chan made)
	go func() {
		runtime.LockOSThread()
		before, err := netns.Get()
		if err != nil {
			result <- made{err: err}
			return
		}
		handle, err := netns.New()
		if err == nil {
			err = netns.Set(before)
		}
		if err == nil {
			runtime.UnlockOSThread()
			err = before.Close()
		}
		result <- made{handle, err}
	}()
	m := <-result
	return m.handle, m.err
}

// Do runs fn on a thread inside the namespace. Processes that fn starts and
// sockets that it opens belong to the namespace.
func (n *Namespace) Do(fn func() error) error {
	result := make(chan error)
	go func() {
		// The thread is given back only when it is where it came from:
		// a locked goroutine that ends takes its thread with it.
		runtime.LockOSThread()
		before, err := netns.Get()
		if err != nil {
			result <- err
			return
		}
		if err := netns.Set(n.handle); err != nil {
			result <- fmt.Errorf("enter namespace %s: %w", n.name, err)
			return
		}
		fnErr := fn()
		if err := netns.Set(before); err != nil {
			result <- fmt.Errorf("leave namespace %s: %w", n.name, err)
			return
		}
		runtime.UnlockOSThread()
		if err := before.Close(); err != nil && fnErr == nil {
			fnErr = err
		}
		result <- fnErr
	}()
	return <-result
}

// Sysctl sets a kernel parameter of the namespace, such as
// "net/ipv4/ip_forward".
func (n *Namespace) Sysctl(name, value string) error {
	return n.Do(func() error {
		if err := os.WriteFile("/proc/sys/"+name, []byte(value), 0o644); err != nil {
			return fmt.Errorf("set %s in namespace %s: %w", name, n.name, err)
		}
		return nil
	})
}

func (n *Namespace) raiseLoopback() error {
	loopback, err := n.links.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find loopback of %s: %w", n.name, err)
	}
	if err := n.links.LinkSetUp(loopback); err != nil {
		return fmt.Errorf("raise loopback of %s: %w", n.name, err)
	}
	return nil
}
