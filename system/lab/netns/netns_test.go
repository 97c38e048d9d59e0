package netns

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// inside marks the copy of this test that runs in namespaces of its own, where
// it may do as it likes without touching the machine.
const inside = "TOCSIN_TEST_INSIDE"

func TestMain(m *testing.M) {
	if os.Getenv(inside) != "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=yes")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
	if err := cmd.Run(); err != nil {
		os.Exit(1)
	}
}

// pair is two leaves on one router.
type pair struct {
	router      *Namespace
	left, right *Namespace
	server      netip.Addr
}

func wire(t *testing.T) pair {
	t.Helper()
	made := map[string]*Namespace{}
	for _, name := range []string{"router", "left", "right"} {
		namespace, err := New(name)
		if err != nil {
			t.Fatal(err)
		}
		made[name] = namespace
	}
	p := pair{made["router"], made["left"], made["right"], netip.MustParseAddr("10.83.9.20")}
	if err := p.router.Sysctl("net/ipv4/ip_forward", "1"); err != nil {
		t.Fatal(err)
	}
	gateway := netip.MustParseAddr("10.83.9.1")
	for _, leaf := range []Leaf{
		{Namespace: p.left, Port: "left", Addr: netip.MustParseAddr("10.83.9.10")},
		{Namespace: p.right, Port: "right", Addr: p.server},
	} {
		if err := p.router.Attach(gateway, leaf); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// listen opens a server in the right leaf that keeps what it accepts.
func (p pair) listen(t *testing.T, port int) {
	t.Helper()
	var listener net.Listener
	err := p.right.Do(func() (err error) {
		listener, err = net.Listen("tcp", net.JoinHostPort(p.server.String(), strconv.Itoa(port)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(connection, connection) }()
		}
	}()
}

// dial opens a connection from the left leaf to the right one.
func (p pair) dial(port int) (connection net.Conn, err error) {
	err = p.left.Do(func() (err error) {
		connection, err = net.DialTimeout("tcp", net.JoinHostPort(p.server.String(), strconv.Itoa(port)), 300*time.Millisecond)
		return err
	})
	return connection, err
}

func TestADroppedRangeIsSilentAndPassesAgain(t *testing.T) {
	p := wire(t)
	p.listen(t, 80)
	// The kernel may take a second until a new link carries anything.
	before, err := p.dial(80)
	for deadline := time.Now().Add(5 * time.Second); err != nil; before, err = p.dial(80) {
		if time.Now().After(deadline) {
			t.Fatalf("through a whole wire: %v", err)
		}
	}
	if _, err := p.dial(81); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("a port without a server: %v, want refused", err)
	}
	for _, prefix := range []netip.Prefix{netip.PrefixFrom(p.server, 32), netip.MustParsePrefix("10.83.9.0/24")} {
		for range 2 { // dropping twice is dropping once
			if err := p.router.Drop(prefix); err != nil {
				t.Fatal(err)
			}
		}
		var timeout net.Error
		if _, err := p.dial(80); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Fatalf("new connection through %s: %v, want silence", prefix, err)
		}
		if got := echo(before); got == nil {
			t.Fatalf("an open connection still works through %s", prefix)
		}
		for range 2 {
			if err := p.router.Pass(prefix); err != nil {
				t.Fatal(err)
			}
		}
		// Not the connection of before: what it sent in vain, it is about to send again.
		if before, err = p.dial(80); err != nil {
			t.Fatalf("after %s passes again: %v", prefix, err)
		}
	}
}

// echo sends a byte and waits a little for it to come back.
func echo(connection net.Conn) error {
	if err := connection.SetDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		return err
	}
	if _, err := connection.Write([]byte{1}); err != nil {
		return err
	}
	_, err := io.ReadFull(connection, make([]byte, 1))
	return err
}
