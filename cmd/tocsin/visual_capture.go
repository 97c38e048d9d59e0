package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tocsin/internal/verdict"
	"tocsin/visual"
)

func (a *app) visualCaptureCommand() *cobra.Command {
	var folder string
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
          steps:                     # goto, follow, fill, click, press, wait, wait_gone, wait_text
            - {fill: "#uin", from: individual_id}
            - {fill: "#pin", value: "000000"}
            - {click: "button[type=submit]"}
            - {wait: "[role=alert]"}`,
		Example: "  tocsin visual capture --checks visual.yaml --out pictures\n  tocsin visual capture login --checks visual.yaml --out pictures --json",
		RunE: func(command *cobra.Command, names []string) error {
			seen, err := a.loadViews(names)
			if err != nil {
				return err
			}
			return a.captureViews(command.Context(), seen, folder)
		},
	}
	command.Flags().StringVar(&folder, "out", "pictures", "`FOLDER` for the pictures")
	return command
}

func (a *app) captureViews(ctx context.Context, seen *views, folder string) (err error) {
	looker, err := seen.looker(a.stateDir)
	if err != nil {
		return err
	}
	defer func() {
		if closed := looker.Close(); err == nil && closed != nil {
			err = unknownError(closed)
		}
	}()
	taken, verdicts := make([]visual.Taken, 0, len(seen.shots)), make([]verdict.Verdict, 0, len(seen.shots))
	for _, shot := range seen.shots {
		one := looker.Picture(ctx, shot, folder)
		if ctx.Err() != nil {
			return unknownError(fmt.Errorf("take pictures: %w", context.Cause(ctx)))
		}
		taken, verdicts = append(taken, one), append(verdicts, one.Verdict)
		if !a.json {
			fmt.Fprintln(a.stdout, strings.TrimSpace(fmt.Sprintf("%-8s %7.0f ms  %s  %s", strings.ToUpper(string(one.Verdict)), one.SettlingMS, one.Check, one.Detail)))
		}
	}
	if a.json {
		if err := a.printJSON(taken); err != nil {
			return err
		}
	}
	return verdictError(verdict.Combine(verdicts...))
}
