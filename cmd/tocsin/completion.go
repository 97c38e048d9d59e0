package main

import (
	"github.com/spf13/cobra"

	"tocsin/visual/checks"
)

// completeProbes offers the shell the names of the target's probes.
func (a *app) completeProbes(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	_, all, err := a.loadProbes()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	names := make([]string, 0, len(all))
	for _, probe := range all {
		name := probe.Name()
		if own, ok := probe.(described); ok {
			name += "\t" + own.About()
		}
		names = append(names, name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeChecks offers the shell the pages that are looked at, and their checks.
func (a *app) completeChecks(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	seen, err := a.loadViews(nil)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	names := checks.Pages(seen.shots)
	for _, shot := range seen.shots {
		names = append(names, shot.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
