package main

import (
	"github.com/spf13/cobra"

	"tocsin/internal/verdict"
	"tocsin/visual/comparison"
)

func (a *app) visualCompareCommand() *cobra.Command {
	var asked comparison.Comparison
	command := &cobra.Command{
		Use:   "compare A.png B.png",
		Short: "Compare two pictures, without a browser or a target",
		Long: "Compares two PNG files as a person sees them: colours by their distance in YIQ, and pixels that\n" +
			"differ as anti-aliasing does are no difference. The counts are those of pixelmatch 7, or 8 (--metric oklab).\n\n" +
			"Exit codes: 0 the pictures are equal, 1 they differ, 2 the command line is wrong, 3 a file is\n" +
			"missing, no PNG, broken, cut off, animated, or larger than 64 megapixels.",
		Example: "  tocsin visual compare before.png after.png --diff difference.png\n" +
			"  tocsin visual compare before.png after.png --json | jq .regions\n" +
			"  tocsin visual compare before.png after.png --ignore 0,0,300,40 --threshold 0.05",
		RunE: func(_ *cobra.Command, files []string) error {
			if err := asked.Check(files...); err != nil {
				return usageError(err)
			}
			asked.JSON = a.json
			outcome, err := asked.Run()
			if err != nil {
				return unknownError(err)
			}
			if err := asked.Print(a.stdout, outcome); err != nil {
				return err
			}
			if !outcome.Same() {
				return &exitError{code: verdict.ExitFail}
			}
			return nil
		},
	}
	asked.Bind(command.Flags())
	return command
}
