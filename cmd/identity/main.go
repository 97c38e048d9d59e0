// Command identity runs the services of the reference identity system: the
// OpenID provider, its login pages and the HSM node, and their one-time jobs.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"tocsin/system/authenticator/mockid"
	"tocsin/system/hsm"
	"tocsin/system/identity"
	"tocsin/system/identity/store/redis"
	"tocsin/system/ui"
)

// Exit codes: a service that breaks, and a command line or configuration that
// can never work.
const (
	exitFail  = 1
	exitUsage = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code := exitUsage // until a configuration is read, every error is one of usage
	root := newRoot(stdout, stderr, func() { code = exitFail })
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(stderr, "identity: %v\n", err)
		return code
	}
	return 0
}

func newRoot(stdout, stderr io.Writer, configured func()) *cobra.Command {
	root := &cobra.Command{
		Use: "identity", Short: "The services of the reference identity system",
		SilenceUsage: true, SilenceErrors: true,
	}
	root.AddCommand(
		command("provider", "Serve the OpenID provider of a zone", func(ctx context.Context, file string) error {
			config, err := identity.LoadConfig(file)
			if err != nil {
				return err
			}
			configured()
			redis.SilenceLibrary()
			return identity.Run(ctx, config, stdout)
		}),
		command("ui", "Serve the login, consent and error pages of a zone", func(ctx context.Context, file string) error {
			config, err := ui.LoadConfig(file)
			if err != nil {
				return err
			}
			configured()
			return ui.Run(ctx, config, stdout)
		}),
		command("hsm", "Serve the HSM node of a zone", func(ctx context.Context, file string) error {
			config, err := hsm.LoadConfig(file)
			if err != nil {
				return err
			}
			configured()
			return hsm.Run(ctx, config, stdout)
		}),
		command("hsm-init", "Create the token and key pair of an HSM node", func(_ context.Context, file string) error {
			config, err := hsm.LoadConfig(file)
			if err != nil {
				return err
			}
			configured()
			return hsm.Init(config, stdout)
		}),
		command("migrate", "Create or update the database schema", func(ctx context.Context, file string) error {
			config, err := identity.LoadDatabaseConfig(file)
			if err != nil {
				return err
			}
			configured()
			return identity.Migrate(ctx, config, stdout)
		}),
		seedCommand(stdout, configured),
		rotateCommand(stdout, stderr, configured),
		mockIDCommand(stdout, configured),
	)
	return root
}

// mockIDCommand takes its flags as they are: the provider starts the plug-in and
// adds the socket.
func mockIDCommand(stdout io.Writer, configured func()) *cobra.Command {
	return &cobra.Command{
		Use:   "mock-id --config FILE --socket PATH",
		Short: "Serve the mock ID system as the provider's authenticator plug-in",
		Long: "Serve the mock ID system: persons with PINs, one-time codes and portraits.\n" +
			"The provider starts it by itself, as its configuration says under authenticator.",
		DisableFlagParsing: true,
		RunE: func(c *cobra.Command, args []string) error {
			configured()
			return mockid.Main(c.Context(), args, stdout)
		},
	}
}

// command returns a subcommand that takes a configuration file and nothing else.
func command(use, short string, work func(ctx context.Context, file string) error) *cobra.Command {
	var file string
	made := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return work(c.Context(), file) },
	}
	made.Flags().StringVar(&file, "config", "", "configuration file (YAML)")
	if err := made.MarkFlagRequired("config"); err != nil {
		panic(err) // the flag was defined two lines above
	}
	return made
}

func seedCommand(stdout io.Writer, configured func()) *cobra.Command {
	var seed string
	made := command("seed", "Add clients to the database", func(ctx context.Context, file string) error {
		config, err := identity.LoadDatabaseConfig(file)
		if err != nil {
			return err
		}
		configured()
		return identity.Seed(ctx, config, seed, stdout)
	})
	made.Flags().StringVar(&seed, "file", "", "seed file (JSON)")
	if err := made.MarkFlagRequired("file"); err != nil {
		panic(err) // the flag was defined one line above
	}
	return made
}
