package hsm

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// roleVariable tells a copy of the test program what to be: SoftHSM knows one
// folder of tokens in a process, so every node but one needs its own.
const roleVariable = "HSM_TEST_ROLE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := play(role, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func play(role, file string) error {
	if role == "init" {
		// The file of approved nodes is made from what this writes.
		config, err := LoadConfig(file)
		if err != nil {
			return err
		}
		return Init(config, io.Discard)
	}
	config, err := LoadConfig(file)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return Run(ctx, config, os.Stderr)
}
