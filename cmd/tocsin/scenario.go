package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tocsin/scenarios/catalog"
	"tocsin/scenarios/spec"
)

func (a *app) scenarioCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "scenario",
		Short: "Break the system on purpose, under load, and say which promise broke",
		Args:  cobra.NoArgs,
		RunE:  func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(
		&cobra.Command{
			Use: "list", Short: "List the scenarios that Tocsin ships with", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error { return a.listScenarios() },
		},
		&cobra.Command{
			Use: "show NAME", Short: "Print the file of a scenario", Args: cobra.ExactArgs(1),
			RunE: func(_ *cobra.Command, names []string) error { return a.showScenario(names[0]) },
		},
		&cobra.Command{
			Use: "schema", Short: "Print the JSON Schema of scenario files", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error { return a.printSchema() },
		},
		a.scenarioRunCommand(),
	)
	return command
}

func (a *app) listScenarios() error {
	names, err := catalog.Names()
	if err != nil {
		return unknownError(err)
	}
	type line struct {
		Name       string            `json:"name"`
		Claim      string            `json:"claim"`
		Parameters map[string]string `json:"parameters"`
	}
	lines := make([]line, 0, len(names))
	for _, name := range names {
		scenario, parameters, err := loadScenario(name, nil)
		if err != nil {
			return err
		}
		lines = append(lines, line{name, scenario.Claim, parameters})
	}
	if a.json {
		return a.printJSON(lines)
	}
	for _, line := range lines {
		var settings []string
		for _, name := range slices.Sorted(maps.Keys(line.Parameters)) {
			settings = append(settings, "--set "+name+"="+line.Parameters[name])
		}
		if _, err := fmt.Fprintf(a.stdout, "%s  %s\n    %s\n", line.Name, strings.Join(settings, " "), line.Claim); err != nil {
			return fmt.Errorf("print scenarios: %w", err)
		}
	}
	return nil
}

func (a *app) showScenario(name string) error {
	_, data, err := catalog.Open(name)
	if err != nil {
		return usageError(err)
	}
	if _, err := a.stdout.Write(data); err != nil {
		return fmt.Errorf("print scenario: %w", err)
	}
	return nil
}

func (a *app) printSchema() error {
	schema, err := spec.Schema()
	if err != nil {
		return unknownError(err)
	}
	if _, err := a.stdout.Write(schema); err != nil {
		return fmt.Errorf("print schema: %w", err)
	}
	return nil
}

// loadScenario reads a scenario of the catalog or of a file; its errors carry
// exit code 2.
func loadScenario(name string, settings []string) (*spec.Scenario, map[string]string, error) {
	values := make(map[string]string, len(settings))
	for _, setting := range settings {
		key, value, ok := strings.Cut(setting, "=")
		if !ok || key == "" {
			return nil, nil, usageError(fmt.Errorf("--set %s: write name=value", setting))
		}
		values[key] = value
	}
	file, data, err := catalog.Open(name)
	if err != nil {
		return nil, nil, usageError(err)
	}
	scenario, parameters, err := spec.Parse(file, data, values)
	if errors.Is(err, spec.ErrParameter) {
		return nil, nil, usageError(fmt.Errorf("scenario %s: %w", name, err))
	}
	if err != nil {
		return nil, nil, usageError(err)
	}
	return scenario, parameters, nil
}
