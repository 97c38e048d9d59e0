// Command lab runs the reference system on one machine: three zones of real
// parts, and a socket to break them by.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"tocsin/system/lab/control"
	"tocsin/system/lab/pod"
	"tocsin/system/lab/region"
)

// Exit codes, the same in every command of the project.
const (
	exitFail  = 1
	exitUsage = 2
)

// version is the one of the whole project.
const version = "0.1.0"

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if code, hidden := inside(args); hidden {
		return code
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "lab:", err)
	var usage usageError
	if errors.As(err, &usage) || errors.Is(err, control.ErrNoSabotage) {
		return exitUsage
	}
	return exitFail
}

// inside runs the commands that only the lab gives itself.
func inside(args []string) (code int, hidden bool) {
	if len(args) == 0 {
		return 0, false
	}
	var err error
	switch args[0] {
	case pod.ShimCommand:
		err = pod.Shim(args[1:])
	case region.Command:
		err = runRegion(args[1:])
	default:
		return 0, false
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return exitFail, true
	}
	return 0, true
}

func runRegion(args []string) error {
	if len(args) != 1 {
		return errors.New("region: want one order")
	}
	order, err := region.Decode(args[0])
	if err != nil {
		return err
	}
	return region.Run(order, slog.New(slog.NewJSONHandler(os.Stderr, nil)))
}

// usageError is a mistake in the call.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// strict makes wrong arguments a mistake in the call.
func strict(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath())}
		}
		return nil
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "lab",
		Short: "The reference identity system: three zones on one machine",
		Long: `lab runs a whole identity system on one machine, with real parts and no mocks:
etcd, PostgreSQL under Patroni, Redis with Sentinel, an HSM node, the identity
provider, its pages and a gateway in each of three zones, an edge in front, and
Prometheus and Alertmanager beside them.

Every zone is a network of its own inside namespaces that vanish with the lab:
the machine's own network, mounts and services are untouched, and a crash leaves
nothing behind.`,
		Version:       version,
		Args:          strict(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(upCommand(), downCommand(), statusCommand(), logsCommand(), targetCommand(), faultCommand(), sabotageCommand())
	return root
}
