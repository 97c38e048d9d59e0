// Package forward joins connections across the lab's boundary: what arrives at
// a listener goes on to another address, byte by byte. It understands nothing
// of what passes.
package forward

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

// dialWithin bounds the way to whoever stands behind a listener.
const dialWithin = 2 * time.Second

// To is where connections go.
type To struct {
	// Network and Address are as in net.Dial.
	Network, Address string
	Log              *slog.Logger
}

// Serve takes connections from listener until ctx ends, and then closes it and
// all that it joined.
func (t To) Serve(ctx context.Context, listener net.Listener) error {
	stopped := context.AfterFunc(ctx, func() { t.note("close listener", listener.Close()) })
	defer stopped()
	var joined sync.WaitGroup
	defer joined.Wait()
	for {
		from, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		joined.Go(func() { t.join(ctx, from) })
	}
}

// join connects the caller with whoever is behind. When nobody is, perhaps on
// purpose, the caller sees its connection end.
func (t To) join(ctx context.Context, from net.Conn) {
	dialer := net.Dialer{Timeout: dialWithin}
	to, err := dialer.DialContext(ctx, t.Network, t.Address)
	if err != nil {
		t.note("nobody there", errors.Join(err, from.Close()))
		return
	}
	stopped := context.AfterFunc(ctx, func() { t.note("end connection", errors.Join(from.Close(), to.Close())) })
	defer stopped()
	var both sync.WaitGroup
	both.Go(func() { t.pump(to, from) })
	both.Go(func() { t.pump(from, to) })
	both.Wait()
}

// pump copies one direction and then closes both ends: a half-open connection
// is of no use to anybody here.
func (t To) pump(to, from net.Conn) {
	_, err := io.Copy(to, from)
	t.note("connection ended", errors.Join(err, to.Close(), from.Close()))
}

// note tells of an error in detail only: connections break all the time here,
// and many of them are broken on purpose.
func (t To) note(what string, err error) {
	if err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, syscall.ENOTCONN) {
		t.Log.Debug(what, "to", t.Address, "error", err)
	}
}
