package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"tocsin/internal/journal"
	"tocsin/internal/target"
	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/probes/memory"
)

// app is what every command works with.
type app struct {
	stdout, stderr io.Writer
	targetPath     string
	planPath       string
	stateDir       string
	checksPath     string
	baselines      string
	json           bool
	memory         *memory.Book
	log            *slog.Logger
}

// exitError ends the program with a code. Without an error it ends silently:
// the command has said everything already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageError ends the program with exit code 2: the person has to change the
// command line or a file.
func usageError(err error) error { return &exitError{code: verdict.ExitUsage, err: err} }

// unknownError ends the program with exit code 3: a fault of our own, or of
// this machine, kept the command from finding out.
func unknownError(err error) error { return &exitError{code: verdict.ExitUnknown, err: err} }

// exitOr3 leaves an error that knows its exit code as it is; any other is
// unknown.
func exitOr3(err error) error {
	if err == nil {
		return nil
	}
	var exit *exitError
	if errors.As(err, &exit) {
		return err
	}
	return unknownError(err)
}

// verdictError ends the program silently with the exit code of v, and is nil
// for a pass.
func verdictError(v verdict.Verdict) error {
	if v.Good() {
		return nil
	}
	return &exitError{code: v.ExitCode()}
}

// execute runs one command line and returns the exit code.
func execute(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	a := &app{stdout: stdout, stderr: stderr, log: slog.New(slog.NewTextHandler(stderr, nil))}
	root := newRoot(a)
	root.SetArgs(arguments)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return verdict.ExitPass
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		// Only cobra itself returns plain errors: an unknown command or flag.
		exit = &exitError{code: verdict.ExitUsage, err: fmt.Errorf("%w (see %s --help)", err, root.CommandPath())}
	}
	if exit.err != nil {
		fmt.Fprintf(stderr, "tocsin: %v\n", exit.err)
	}
	return exit.code
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "tocsin",
		Short:         "Prove that people can log in, and still can when a zone dies",
		Version:       telemetry.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	flags := root.PersistentFlags()
	flags.StringVar(&a.targetPath, "target", defaultTarget(), "read where the system under test is from `FILE` ($TOCSIN_TARGET)")
	flags.StringVar(&a.planPath, "plan", os.Getenv("TOCSIN_PLAN"), "read what is probed and when from `FILE` ($TOCSIN_PLAN; default: the plan of the target file, else all its journeys)")
	flags.StringVar(&a.checksPath, "checks", os.Getenv("TOCSIN_CHECKS"), "read which pages are looked at, and how, from `FILE` ($TOCSIN_CHECKS; default: the file that the target file names, else the login page)")
	flags.StringVar(&a.stateDir, "state", defaultState(), "keep journal, baselines and runs in `DIR` ($TOCSIN_STATE)")
	flags.BoolVar(&a.json, "json", false, "print JSON instead of text")
	root.AddCommand(
		a.initCommand(),
		a.probeCommand(), a.doctorCommand(), a.serveCommand(), a.checkpointCommand(), a.heartbeatCommand(), a.visualCommand(),
		a.evidenceCommand(), a.historyCommand(), a.alertsCommand(), a.scenarioCommand(), a.loadCommand(),
	)
	return root
}

func defaultTarget() string {
	if path := os.Getenv("TOCSIN_TARGET"); path != "" {
		return path
	}
	return "target.yaml"
}

// defaultState follows the XDG Base Directory Specification.
func defaultState() string {
	if folder := os.Getenv("TOCSIN_STATE"); folder != "" {
		return folder
	}
	if folder := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(folder) {
		return filepath.Join(folder, "tocsin")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return filepath.Join(os.TempDir(), "tocsin")
	}
	return filepath.Join(home, ".local", "state", "tocsin")
}

// loadTarget reads the target file; its error carries exit code 2.
func (a *app) loadTarget() (*target.Target, error) {
	loaded, err := target.Load(a.targetPath)
	if errors.Is(err, os.ErrNotExist) {
		return nil, usageError(fmt.Errorf("no target file at %s: write one, start the lab (lab up writes one), or name it with --target", a.targetPath))
	}
	if err != nil {
		return nil, usageError(err)
	}
	for _, warning := range loaded.Warnings() {
		a.log.Warn(warning)
	}
	return loaded, nil
}

// openJournal opens the journal in the state folder; its error carries exit
// code 3: nothing can be said about the target while we cannot write it down.
func (a *app) openJournal(ctx context.Context) (*journal.Journal, error) {
	opened, err := journal.Open(ctx, filepath.Join(a.stateDir, "journal.db"))
	if err != nil {
		return nil, unknownError(err)
	}
	return opened, nil
}
