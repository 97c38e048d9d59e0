package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tocsin/internal/verdict"
	"tocsin/visual"
	"tocsin/visual/checks"
)

func (a *app) visualCaptureCommand() *cobra.Command {
	var file, folder string
	command := &cobra.Command{
		Use:   "capture [NAME…]",
		Short: "Take the pictures that a file of visual checks asks for",
		Long: `Takes a picture of each page, in each of its states, viewports, colour schemes and locales, and keeps
NAME.png, NAME.page.json (what is on it) and NAME.json (environment, times). NAME is a picture, or a page.
Nothing is compared: exit code 0 says that every picture was taken, 1 that a page is not there or has
another status, 3 that a picture could not be taken.

  version: 1
  defaults: {viewports: [desktop, mobile], schemes: [light, dark], locales: [en-US, ar]}
  pages:
    - name: login
      login: true                    # where a fresh login begins; or url: /path below the issuer
      masks: ["#clock"]              # what may differ
      frozen_at: 2026-01-02T03:04:05Z
      states:
        - {name: empty}
        - name: wrong-pin
          steps:                     # goto, fill, click, press, wait, wait_gone, wait_text
            - {fill: "#uin", from: individual_id}
            - {fill: "#pin", value: "000000"}
            - {click: "button[type=submit]"}
            - {wait: "[role=alert]"}`,
		Example: "  tocsin visual capture --checks visual.yaml --out pictures\n  tocsin visual capture login --checks visual.yaml --out pictures --json",
		RunE: func(command *cobra.Command, names []string) error {
			loaded, err := checks.Load(file)
			if err != nil {
				return usageError(err)
			}
			shots, err := chosenShots(loaded.Shots(), names)
			if err != nil {
				return usageError(err)
			}
			return a.captureShots(command, shots, folder)
		},
	}
	command.Flags().StringVar(&file, "checks", "visual.yaml", "the `FILE` of visual checks")
	command.Flags().StringVar(&folder, "out", "pictures", "`FOLDER` for the pictures")
	return command
}

// chosenShots are the pictures with one of the names, or of a page with one.
func chosenShots(all []checks.Shot, names []string) ([]checks.Shot, error) {
	if len(names) == 0 {
		return all, nil
	}
	var chosen []checks.Shot
	for _, name := range names {
		before := len(chosen)
		for _, shot := range all {
			if shot.Name == name || shot.Page == name {
				chosen = append(chosen, shot)
			}
		}
		if len(chosen) == before {
			return nil, fmt.Errorf("no picture and no page is called %q: the first of %d is %s", name, len(all), all[0].Name)
		}
	}
	return chosen, nil
}

func (a *app) captureShots(command *cobra.Command, shots []checks.Shot, folder string) error {
	to, err := a.loadTarget()
	if err != nil {
		return err
	}
	taken, err := visual.Series(command.Context(), visual.SeriesConfig{Target: to, Shots: shots, Folder: folder, Taken: func(one visual.Taken) {
		if !a.json {
			fmt.Fprintln(a.stdout, strings.TrimSpace(fmt.Sprintf("%-8s %7.0f ms  %s  %s", strings.ToUpper(string(one.Verdict)), one.SettlingMS, one.Name, one.Reason)))
		}
	}})
	if err != nil {
		return unknownError(err)
	}
	if a.json {
		if err := a.printVisualJSON(taken); err != nil {
			return err
		}
	}
	verdicts := slices.Collect(func(yield func(verdict.Verdict) bool) {
		for _, one := range taken {
			if !yield(one.Verdict) {
				return
			}
		}
	})
	return verdictError(verdict.Combine(verdicts...))
}
