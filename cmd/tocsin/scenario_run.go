package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"tocsin/chaos/lab"
	"tocsin/internal/journal"
	"tocsin/internal/target"
	"tocsin/internal/telemetry"
	"tocsin/scenarios"
	"tocsin/scenarios/engine"
	"tocsin/scenarios/load/k6"
	"tocsin/scenarios/parts"
	"tocsin/scenarios/provider"
	"tocsin/scenarios/report"
)

type scenarioOptions struct {
	settings []string
	junit    string
	report   string
	k6       string
}

func (a *app) scenarioRunCommand() *cobra.Command {
	var options scenarioOptions
	command := &cobra.Command{
		Use:   "run NAME",
		Short: "Run a scenario: exit 0 pass, 1 fail, 3 unknown",
		Long: "Run a scenario of the catalog, or of a file if NAME is a path. The fault is reverted whatever happens:\n" +
			"at the end, on Ctrl-C, and by its lease if this program dies.",
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, names []string) error {
			return a.runScenario(command.Context(), names[0], options)
		},
	}
	flags := command.Flags()
	flags.StringArrayVar(&options.settings, "set", nil, "set a parameter of the scenario, as `NAME=VALUE`")
	flags.StringVar(&options.junit, "junit", "", "write the verdict as JUnit to `FILE`")
	flags.StringVar(&options.report, "report", "", "write the HTML report to `FILE` too (it is always in the state folder)")
	flags.StringVar(&options.k6, "k6", "", "run the load with the k6 at `PATH` ($TOCSIN_K6)")
	return command
}

func (a *app) runScenario(ctx context.Context, name string, options scenarioOptions) (err error) {
	scenario, parameters, err := loadScenario(name, options.settings)
	if err != nil {
		return err
	}
	loaded, err := a.loadTarget()
	if err != nil {
		return err
	}
	if loaded.Injector.Kind == "" {
		return usageError(fmt.Errorf("target %s has no injector, so nothing can be broken (key injector)", loaded.Name))
	}
	runID := telemetry.RunID()
	release, err := engine.Lock(a.stateDir, fmt.Sprintf("%s on target %s, run %s, pid %d", scenario.Name, loaded.Name, runID, os.Getpid()))
	if errors.Is(err, engine.ErrBusy) {
		return usageError(err)
	}
	if err != nil {
		return unknownError(err)
	}
	defer func() { err = errors.Join(err, release()) }()
	events, err := a.openJournal(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, events.Close()) }()
	live := report.NewLive(a.stderr, terminal(a.stderr))
	runner, err := a.engineFor(loaded, events, runID, options.k6, live)
	if err != nil {
		return err
	}
	outcome, runErr := runner.Run(ctx, scenario, parameters, runID)
	live.Close()
	if outcome.RunID == "" {
		return unknownError(runErr)
	}
	if err := a.tell(outcome, options); err != nil {
		return unknownError(errors.Join(runErr, err))
	}
	if runErr != nil {
		return unknownError(runErr)
	}
	return verdictError(outcome.Verdict)
}

// engineFor fits the parts together. What is missing on this machine is found
// here, before anything is broken.
func (a *app) engineFor(t *target.Target, events *journal.Journal, runID, k6Path string, live *report.Live) (*engine.Engine, error) {
	binary, err := k6.Find(k6Path)
	if err != nil {
		return nil, unknownError(err)
	}
	prober, err := parts.NewProber(t)
	if err != nil {
		return nil, usageError(err)
	}
	settings, err := t.TLSConfig()
	if err != nil {
		return nil, usageError(err)
	}
	client := provider.HTTPClient(settings)
	seen, err := a.viewsOf(t, nil)
	if err != nil {
		return nil, err
	}
	runner, err := engine.New(engine.Config{
		Target: t.Name, Prober: prober, Querier: parts.NewQuerier(t.Prometheus.URL, client),
		Visual: parts.Visual{Config: seen.config(a.stateDir), Shots: seen.shots}, Pager: parts.Pager{Journal: events},
		Injector: lab.New(t.Injector.Socket), Load: parts.Load{Target: t, Binary: binary, HTTP: client},
		Auditor: parts.Auditor{Target: t, HTTP: client, RunID: runID}, Journal: events,
		Progress: live.Show,
	})
	if err != nil {
		return nil, unknownError(err)
	}
	return runner, nil
}

// tell writes the outcome to everybody who asked for it.
func (a *app) tell(outcome scenarios.Outcome, options scenarioOptions) error {
	folder := filepath.Join(a.stateDir, "runs", outcome.RunID)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("make folder of run: %w", err)
	}
	page := filepath.Join(folder, "report.html")
	outputs := []struct {
		path  string
		write func(io.Writer, scenarios.Outcome) error
	}{
		{filepath.Join(folder, "outcome.json"), report.JSON},
		{page, report.HTML},
		{options.report, report.HTML},
		{options.junit, report.JUnit},
	}
	for _, output := range outputs {
		if output.path == "" {
			continue
		}
		if err := writeTo(output.path, outcome, output.write); err != nil {
			return err
		}
	}
	if a.json {
		return report.JSON(a.stdout, outcome)
	}
	if err := report.Table(a.stdout, outcome, terminal(a.stdout)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(a.stdout, "\nreport: %s\n", page); err != nil {
		return fmt.Errorf("print outcome: %w", err)
	}
	return nil
}

func writeTo(path string, outcome scenarios.Outcome, write func(io.Writer, scenarios.Outcome) error) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return write(file, outcome)
}

// terminal reports whether w is a screen that shows colours, unless the person
// wants none (https://no-color.org).
func terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}
