// Package comparison is one comparison of two picture files as it is asked for
// on a command line: the options, the work, and what is told of the outcome. It
// imports little, so that a program which only compares starts quickly.
package comparison

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	"github.com/spf13/pflag"

	"tocsin/visual/compare"
)

// Comparison is what visual compare is asked for.
type Comparison struct {
	Before, Now string // the PNG files
	JSON        bool   // tell the outcome as one JSON object

	diff      string
	metric    string
	threshold float64
	countSoft bool
	ignore    []string
	absorb    int
	window    int
	options   compare.Options
}

// Bind makes flags set the options.
func (c *Comparison) Bind(flags *pflag.FlagSet) {
	flags.StringVar(&c.diff, "diff", "", "draw what differs into `FILE`; it is not written when nothing does")
	flags.StringVar(&c.metric, "metric", "yiq", "compare colours in `SPACE`: yiq as pixelmatch 7, oklab as pixelmatch 8")
	flags.Float64Var(&c.threshold, "threshold", compare.DefaultThreshold, "distance from which two colours differ, 0 to 1")
	flags.BoolVar(&c.countSoft, "count-antialiased", false, "count pixels that differ as anti-aliasing does")
	flags.StringArrayVar(&c.ignore, "ignore", nil, "do not look at the region `X,Y,WIDTH,HEIGHT`; may be repeated")
	flags.IntVar(&c.absorb, "absorb", 0, "take what only moved by up to `PIXELS`, 2 at most, for unchanged, and say so")
	flags.IntVar(&c.window, "window", 16, "say how many pixels differ in the densest square of `PIXELS` a side")
}

// Check takes the files to compare and reports what is wrong with them or with
// an option: the person has to write something else.
func (c *Comparison) Check(files ...string) error {
	if len(files) != 2 {
		return fmt.Errorf("%d files to compare: name two, tocsin visual compare A.png B.png", len(files))
	}
	c.Before, c.Now = files[0], files[1]
	if !(c.threshold >= 0 && c.threshold <= 1) {
		return fmt.Errorf("--threshold %g is outside 0 to 1: %g is the default, 0 lets every difference count", c.threshold, compare.DefaultThreshold)
	}
	if c.absorb < 0 || c.absorb > compare.MaxReach {
		return fmt.Errorf("--absorb %d is outside 0 to %d: what moves further, people see", c.absorb, compare.MaxReach)
	}
	if c.window < 1 {
		return fmt.Errorf("--window %d is not a side of 1 pixel or more", c.window)
	}
	metric, known := map[string]compare.Metric{"yiq": compare.YIQ, "oklab": compare.OKLab}[c.metric]
	if !known {
		return fmt.Errorf("--metric %q is neither yiq, as pixelmatch 7 counts, nor oklab, as pixelmatch 8 does", c.metric)
	}
	c.options = compare.Options{Metric: metric, Threshold: max(c.threshold, compare.NoThreshold), CountAntialiased: c.countSoft}
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

// report is what visual compare prints as JSON.
type report struct {
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

// Run compares the files, and draws the difference where that was asked for. An
// error means that nothing is known: a file is missing, no PNG, broken, cut off,
// animated or too large, or the drawing could not be written.
func (c *Comparison) Run() (outcome *compare.Outcome, err error) {
	baseline, err := os.Open(c.Before)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, baseline.Close()) }()
	actual, err := os.Open(c.Now)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, actual.Close()) }()
	outcome, err = compare.Files(baseline, actual, c.options)
	if err != nil {
		return nil, fmt.Errorf("compare %s with %s: %w", c.Before, c.Now, err)
	}
	if c.absorb > 0 && !outcome.Same() {
		if outcome, err = c.absorbShifts(outcome); err != nil {
			return nil, fmt.Errorf("absorb shifts: %w", err)
		}
	}
	if c.diff != "" && !outcome.Same() {
		if err := c.draw(outcome); err != nil {
			return nil, fmt.Errorf("draw difference: %w", err)
		}
	}
	return outcome, nil
}

// absorbShifts reads both pictures once more: only now are they needed whole.
func (c *Comparison) absorbShifts(outcome *compare.Outcome) (*compare.Outcome, error) {
	first, err := os.ReadFile(c.Before)
	if err != nil {
		return nil, err
	}
	second, err := os.ReadFile(c.Now)
	if err != nil {
		return nil, err
	}
	baseline, actual, err := compare.DecodePair(first, second, compare.MaxPixels)
	if err != nil {
		return nil, err
	}
	return compare.Absorb(baseline, actual, outcome, c.options, c.absorb)
}

// draw reads the actual picture once more: only now is it needed whole.
func (c *Comparison) draw(outcome *compare.Outcome) error {
	file, err := os.ReadFile(c.Now)
	if err != nil {
		return err
	}
	picture, err := compare.DecodePNG(file, compare.MaxPixels)
	if err != nil {
		return err
	}
	encoded, err := compare.EncodePNG(outcome.Difference(picture))
	if err != nil {
		return err
	}
	if place, err := os.Stat(c.diff); err == nil && !place.Mode().IsRegular() {
		return os.WriteFile(c.diff, encoded, 0o644) // as /dev/stdout
	}
	return renameio.WriteFile(c.diff, encoded, 0o644, renameio.WithTempDir(filepath.Dir(c.diff)))
}

// Print tells the outcome, to people or as JSON.
func (c *Comparison) Print(to io.Writer, outcome *compare.Outcome) error {
	var text bytes.Buffer
	if c.JSON {
		encoder := json.NewEncoder(&text)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(c.report(outcome)); err != nil {
			return fmt.Errorf("print JSON: %w", err)
		}
	} else {
		describe(&text, outcome)
	}
	_, err := text.WriteTo(to)
	return err
}

func (c *Comparison) report(outcome *compare.Outcome) report {
	count, densest := outcome.Densest(c.window)
	told := report{
		Equal: outcome.Same(), DifferingPixels: outcome.Changed, Ratio: outcome.Ratio(),
		Regions: []reportedBox{}, Shifts: []reportedShift{}, Densest: reportedWindow{boxOf(densest), count},
		Fingerprint:    outcome.Fingerprint(),
		SoftEdgePixels: outcome.Antialiased, FaintPixels: outcome.Below, IgnoredPixels: outcome.Ignored,
		Baseline:  reportedSize{outcome.Baseline.X, outcome.Baseline.Y},
		Actual:    reportedSize{outcome.Actual.X, outcome.Actual.Y},
		Threshold: c.threshold, Metric: string(outcome.Metric),
	}
	for _, box := range outcome.Boxes {
		told.Regions = append(told.Regions, boxOf(box))
	}
	for _, shift := range outcome.Shifts {
		told.Shifts = append(told.Shifts, reportedShift{boxOf(shift.Box), shift.By.X, shift.By.Y, shift.Pixels})
	}
	if !told.Equal {
		told.Difference = c.diff
	}
	return told
}

func boxOf(r image.Rectangle) reportedBox {
	return reportedBox{r.Min.X, r.Min.Y, reportedSize{r.Dx(), r.Dy()}}
}

// describe is the outcome in a few lines for people.
func describe(text io.Writer, outcome *compare.Outcome) {
	if outcome.Same() {
		fmt.Fprintf(text, "equal: %d×%d pixels", outcome.Size.X, outcome.Size.Y)
	} else {
		fmt.Fprintf(text, "different: %d of %d pixels (%.4g %%)", outcome.Changed, outcome.Size.X*outcome.Size.Y, outcome.Percent())
	}
	if outcome.SizeDiffers() {
		fmt.Fprintf(text, "\n  the sizes differ: %d×%d and %d×%d", outcome.Baseline.X, outcome.Baseline.Y, outcome.Actual.X, outcome.Actual.Y)
	}
	for _, box := range outcome.Boxes {
		fmt.Fprintf(text, "\n  %d×%d at %d,%d", box.Dx(), box.Dy(), box.Min.X, box.Min.Y)
	}
	for _, shift := range outcome.Shifts {
		fmt.Fprintf(text, "\n  not counted: %s", shift)
	}
	fmt.Fprintln(text)
}
