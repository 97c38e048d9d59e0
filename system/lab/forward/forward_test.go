package forward

import (
	"context"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// shout answers every connection with what it got, in capitals, and ends it.
func shout(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		buffer := make([]byte, 64)
		if n, err := connection.Read(buffer); err == nil {
			_, _ = connection.Write([]byte(strings.ToUpper(string(buffer[:n]))))
		}
		_ = connection.Close()
	}
}

func TestBytesPassBothWaysAndTheEndIsSeen(t *testing.T) {
	defer goleak.VerifyNone(t)
	behind := listen(t, "unix", filepath.Join(t.TempDir(), "behind.sock"))
	defer behind.Close()
	go shout(behind)
	front := listen(t, "tcp", "127.0.0.1:0")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- To{"unix", behind.Addr().String(), slog.New(slog.DiscardHandler)}.Serve(ctx, front)
	}()
	for range 3 {
		if got := say(t, front.Addr().String(), "hello"); got != "HELLO" {
			t.Fatalf("got %q", got)
		}
	}
	idle, err := net.Dial("tcp", front.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := idle.Read(make([]byte, 1)); err == nil {
		t.Fatal("a connection outlived the forwarder")
	}
}

func TestACallerSeesItsConnectionEndWhenNobodyIsBehind(t *testing.T) {
	front := listen(t, "tcp", "127.0.0.1:0")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- To{"unix", filepath.Join(t.TempDir(), "none.sock"), slog.New(slog.DiscardHandler)}.Serve(ctx, front)
	}()
	if got := say(t, front.Addr().String(), "hello"); got != "" {
		t.Fatalf("got %q from nobody", got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// say sends text and reads until the end.
func say(t *testing.T, address, text string) string {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := connection.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	// A connection that ends by a reset has ended as well.
	answer, _ := io.ReadAll(connection)
	return string(answer)
}
