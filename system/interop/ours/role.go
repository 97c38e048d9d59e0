// Package ours starts one zone of our system for the tests that meet it from
// outside: every component is a process, as in operation, and the stores are
// real ones. The processes are the test binary itself in other roles.
package ours

import (
	"bytes"
	"context"
	"encoding/gob"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"tocsin/system/hsm"
	"tocsin/system/identity"
	"tocsin/system/identity/testrig"
	"tocsin/system/ui"
)

// Role is the whole life of a test binary that was started as a component;
// every TestMain of tests that start the system calls it first.
func Role() {
	testrig.Plugin()
	if len(os.Args) != 3 || roles()[os.Args[1]] == nil {
		return
	}
	if err := play(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// roles are the components by name; text is their configuration as gob.
func roles() map[string]func(ctx context.Context, text []byte) error {
	return map[string]func(context.Context, []byte) error{
		"identity": func(ctx context.Context, text []byte) error { return configured(ctx, text, identity.Run) },
		"ui":       func(ctx context.Context, text []byte) error { return configured(ctx, text, ui.Run) },
		"hsm":      func(ctx context.Context, text []byte) error { return configured(ctx, text, hsm.Run) },
		"gateway": func(ctx context.Context, text []byte) error {
			return configured(ctx, text, func(ctx context.Context, g *gateway, _ io.Writer) error { return g.run(ctx) })
		},
	}
}

func configured[C any](ctx context.Context, text []byte, run func(context.Context, *C, io.Writer) error) error {
	config := new(C)
	if err := gob.NewDecoder(bytes.NewReader(text)).Decode(config); err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	return run(ctx, config, os.Stderr)
}

func play(role, file string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	return roles()[role](ctx, text)
}
