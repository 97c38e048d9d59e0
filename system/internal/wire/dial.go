package wire

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// DialTimeout bounds one TCP connect. A host that lost power answers
	// nothing at all, so the caller must move on by itself.
	DialTimeout = 500 * time.Millisecond
	// userTimeout is how long sent bytes may stay unacknowledged before the
	// kernel gives the connection up (TCP_USER_TIMEOUT, RFC 5482).
	userTimeout = 2 * time.Second
)

// Dialer returns a dialer whose connections notice within about two seconds
// that their peer has vanished, also when they are idle.
func Dialer() *net.Dialer {
	return &net.Dialer{
		Timeout:         DialTimeout,
		KeepAliveConfig: keepAlive(),
		Control:         setUserTimeout,
	}
}

// listenConfig gives accepted connections the same watchfulness: on Linux they
// inherit the option from the listening socket.
func listenConfig() net.ListenConfig {
	return net.ListenConfig{KeepAliveConfig: keepAlive(), Control: setUserTimeout}
}

func keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: 2 * time.Second, Interval: time.Second, Count: 2}
}

func setUserTimeout(_, _ string, raw syscall.RawConn) error {
	var option error
	err := raw.Control(func(fd uintptr) {
		option = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return option
}
