package main

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"os"

	"github.com/spf13/cobra"

	"tocsin/internal/verdict"
	"tocsin/visual/compare"
)

// comparison is what visual compare is asked for.
type comparison struct {
	diff      string
	threshold float64
	countSoft bool
	ignore    []string
	absorb    int
	window    int
	options   compare.Options
}

func (a *app) visualCompareCommand() *cobra.Command {
	var asked comparison
	command := &cobra.Command{
		Use:   "compare A.png B.png",
		Short: "Compare two pictures, without a browser or a target",
		Long: "Compares two PNG files as a person sees them: colours by their distance in YIQ, and pixels that\n" +
			"differ as anti-aliasing does are no difference. The counts are those of pixelmatch 7.\n\n" +
			"Exit codes: 0 the pictures are equal, 1 they differ, 2 the command line is wrong, 3 a file is\n" +
			"missing, no PNG, broken, cut off, animated, or larger than 64 megapixels.",
		Example: "  tocsin visual compare before.png after.png --diff difference.png\n" +
			"  tocsin visual compare before.png after.png --json | jq .regions\n" +
			"  tocsin visual compare before.png after.png --ignore 0,0,300,40 --threshold 0.05",
		Args: func(_ *cobra.Command, arguments []string) error {
			if len(arguments) != 2 {
				return usageError(fmt.Errorf("%d files to compare: name two, tocsin visual compare A.png B.png", len(arguments)))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, arguments []string) error {
			if err := asked.check(arguments); err != nil {
				return usageError(err)
			}
			return a.comparePictures(arguments[0], arguments[1], asked)
		},
	}
	flags := command.Flags()
	flags.StringVar(&asked.diff, "diff", "", "draw what differs into `FILE`; it is not written when nothing does")
	flags.Float64Var(&asked.threshold, "threshold", compare.DefaultThreshold, "distance from which two colours differ, 0 to 1")
	flags.BoolVar(&asked.countSoft, "count-antialiased", false, "count pixels that differ as anti-aliasing does")
	flags.StringArrayVar(&asked.ignore, "ignore", nil, "do not look at the region `X,Y,WIDTH,HEIGHT`; may be repeated")
	flags.IntVar(&asked.absorb, "absorb", 0, "take what only moved by up to `PIXELS`, 2 at most, for unchanged, and say so")
	flags.IntVar(&asked.window, "window", 16, "say how many pixels differ in the densest square of `PIXELS` a side")
	return command
}

// check completes the options from what was written on the command line.
func (c *comparison) check(files []string) error {
	if !(c.threshold >= 0 && c.threshold <= 1) {
		return fmt.Errorf("--threshold %g is outside 0 to 1: %g is the default, 0 lets every difference count", c.threshold, compare.DefaultThreshold)
	}
	if c.absorb < 0 || c.absorb > compare.MaxReach {
		return fmt.Errorf("--absorb %d is outside 0 to %d: what moves further, people see", c.absorb, compare.MaxReach)
	}
	if c.window < 1 {
		return fmt.Errorf("--window %d is not a side of 1 pixel or more", c.window)
	}
	c.options = compare.Options{Threshold: max(c.threshold, compare.NoThreshold), CountAntialiased: c.countSoft}
	for _, text := range c.ignore {
		var x, y, width, height int
		if n, err := fmt.Sscanf(text+" .", "%d,%d,%d,%d .", &x, &y, &width, &height); n != 4 || err != nil || width <= 0 || height <= 0 {
			return fmt.Errorf("--ignore %q is no region: write X,Y,WIDTH,HEIGHT in pixels, as in 0,0,300,40", text)
		}
		c.options.Ignore = append(c.options.Ignore, image.Rect(x, y, x+width, y+height))
	}
	for _, file := range files {
		if c.diff != "" && sameFile(c.diff, file) {
			return fmt.Errorf("--diff %s would overwrite a picture that is compared", c.diff)
		}
	}
	return nil
}

func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// pictureReport is what visual compare prints as JSON.
type pictureReport struct {
	Equal           bool            `json:"equal"`
	DifferingPixels int             `json:"differing_pixels"`
	Ratio           float64         `json:"ratio"`
	Regions         []reportedBox   `json:"regions"`
	Shifts          []reportedShift `json:"shifts"`
	Densest         reportedWindow  `json:"densest"`
	Fingerprint     string          `json:"fingerprint,omitempty"`
	SoftEdgePixels  int             `json:"soft_edge_pixels"`
	FaintPixels     int             `json:"faint_pixels"`
	IgnoredPixels   int             `json:"ignored_pixels"`
	Baseline        reportedSize    `json:"baseline"`
	Actual          reportedSize    `json:"actual"`
	Threshold       float64         `json:"threshold"`
	Metric          string          `json:"metric"`
	Difference      string          `json:"difference,omitempty"`
}

type reportedSize struct {
	Width  int `json:"width"`
	Height int `json:"height"`
}

// reportedWindow is the square in which most pixels differ.
type reportedWindow struct {
	reportedBox
	Pixels int `json:"pixels"`
}

// reportedShift is a place that moved and is not counted.
type reportedShift struct {
	reportedBox
	Right  int `json:"right"`
	Down   int `json:"down"`
	Pixels int `json:"pixels"`
}

type reportedBox struct {
	X int `json:"x"`
	Y int `json:"y"`
	reportedSize
}

func (a *app) comparePictures(before, now string, asked comparison) (err error) {
	baseline, err := os.Open(before)
	if err != nil {
		return unknownError(err)
	}
	defer func() { err = errors.Join(err, baseline.Close()) }()
	actual, err := os.Open(now)
	if err != nil {
		return unknownError(err)
	}
	defer func() { err = errors.Join(err, actual.Close()) }()
	outcome, err := compare.Files(baseline, actual, asked.options)
	if err != nil {
		return unknownError(fmt.Errorf("compare %s with %s: %w", before, now, err))
	}
	if asked.absorb > 0 && !outcome.Same() {
		if outcome, err = absorbShifts(before, now, outcome, asked); err != nil {
			return unknownError(err)
		}
	}
	if asked.diff != "" && !outcome.Same() {
		if err := drawDifference(outcome, now, asked.diff); err != nil {
			return unknownError(err)
		}
	}
	return a.printComparison(outcome, asked)
}

// absorbShifts reads both pictures once more: only now are they needed whole.
func absorbShifts(before, now string, outcome *compare.Outcome, asked comparison) (*compare.Outcome, error) {
	first, err := os.ReadFile(before)
	if err != nil {
		return nil, fmt.Errorf("absorb shifts: %w", err)
	}
	second, err := os.ReadFile(now)
	if err != nil {
		return nil, fmt.Errorf("absorb shifts: %w", err)
	}
	baseline, actual, err := compare.DecodePair(first, second, compare.MaxPixels)
	if err != nil {
		return nil, fmt.Errorf("absorb shifts: %w", err)
	}
	return compare.Absorb(baseline, actual, outcome, asked.options, asked.absorb)
}

// drawDifference reads the actual picture once more: only now is it needed whole.
func drawDifference(outcome *compare.Outcome, actual, into string) error {
	file, err := os.ReadFile(actual)
	if err != nil {
		return fmt.Errorf("draw difference: %w", err)
	}
	picture, err := compare.DecodePNG(file, compare.MaxPixels)
	if err != nil {
		return fmt.Errorf("draw difference: %w", err)
	}
	encoded, err := compare.EncodePNG(outcome.Difference(picture))
	if err != nil {
		return fmt.Errorf("draw difference: %w", err)
	}
	if err := os.WriteFile(into, encoded, 0o644); err != nil {
		return fmt.Errorf("write difference: %w", err)
	}
	return nil
}

func (a *app) printComparison(outcome *compare.Outcome, asked comparison) error {
	if a.json {
		if err := a.printJSON(reportOn(outcome, asked)); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(a.stdout, describe(outcome))
	}
	if outcome.Same() {
		return nil
	}
	return &exitError{code: verdict.ExitFail}
}

func reportOn(outcome *compare.Outcome, asked comparison) pictureReport {
	count, densest := outcome.Densest(asked.window)
	report := pictureReport{
		Equal: outcome.Same(), DifferingPixels: outcome.Changed, Ratio: outcome.Ratio(),
		Regions: []reportedBox{}, Shifts: []reportedShift{}, Densest: reportedWindow{boxOf(densest), count},
		Fingerprint:    outcome.Fingerprint(),
		SoftEdgePixels: outcome.Antialiased, FaintPixels: outcome.Below, IgnoredPixels: outcome.Ignored,
		Baseline:  reportedSize{outcome.Baseline.X, outcome.Baseline.Y},
		Actual:    reportedSize{outcome.Actual.X, outcome.Actual.Y},
		Threshold: asked.threshold, Metric: compare.MetricVersion,
	}
	for _, box := range outcome.Boxes {
		report.Regions = append(report.Regions, boxOf(box))
	}
	for _, shift := range outcome.Shifts {
		report.Shifts = append(report.Shifts, reportedShift{boxOf(shift.Box), shift.By.X, shift.By.Y, shift.Pixels})
	}
	if !report.Equal {
		report.Difference = asked.diff
	}
	return report
}

func boxOf(r image.Rectangle) reportedBox {
	return reportedBox{r.Min.X, r.Min.Y, reportedSize{r.Dx(), r.Dy()}}
}

// describe is the outcome in a few lines for people.
func describe(outcome *compare.Outcome) string {
	var text bytes.Buffer
	if outcome.Same() {
		fmt.Fprintf(&text, "equal: %d×%d pixels", outcome.Size.X, outcome.Size.Y)
	} else {
		fmt.Fprintf(&text, "different: %d of %d pixels (%.4g %%)", outcome.Changed, outcome.Size.X*outcome.Size.Y, outcome.Percent())
	}
	if outcome.SizeDiffers() {
		fmt.Fprintf(&text, "\n  the sizes differ: %d×%d and %d×%d", outcome.Baseline.X, outcome.Baseline.Y, outcome.Actual.X, outcome.Actual.Y)
	}
	for _, box := range outcome.Boxes {
		fmt.Fprintf(&text, "\n  %d×%d at %d,%d", box.Dx(), box.Dy(), box.Min.X, box.Min.Y)
	}
	for _, shift := range outcome.Shifts {
		fmt.Fprintf(&text, "\n  not counted: %s", shift)
	}
	return text.String()
}
