package comparison

import (
	"bytes"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/pflag"
)

// picture writes one of 40×30 pixels with some red ones and returns its path.
func picture(t *testing.T, red ...image.Point) string {
	t.Helper()
	made := image.NewNRGBA(image.Rect(0, 0, 40, 30))
	for i := range made.Pix {
		made.Pix[i] = 255
	}
	for _, at := range red {
		made.Set(at.X, at.Y, color.NRGBA{R: 255, A: 255})
	}
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, made); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "picture.png")
	if err := os.WriteFile(path, encoded.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// asked is a comparison as a command line asks for it: options, then the files.
func asked(t *testing.T, line ...string) (*Comparison, error) {
	t.Helper()
	made := &Comparison{JSON: true}
	flags := pflag.NewFlagSet("compare", pflag.ContinueOnError)
	made.Bind(flags)
	if err := flags.Parse(line); err != nil {
		t.Fatal(err)
	}
	return made, made.Check(flags.Args()...)
}

func told(t *testing.T, line ...string) report {
	t.Helper()
	c, err := asked(t, line...)
	if err != nil {
		t.Fatal(err)
	}
	outcome, err := c.Run()
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := c.Print(&text, outcome); err != nil {
		t.Fatal(err)
	}
	var read report
	if err := json.Unmarshal(text.Bytes(), &read); err != nil {
		t.Fatalf("%v in %s", err, text.Bytes())
	}
	return read
}

func TestWhatDiffersIsToldAndDrawn(t *testing.T) {
	before, now := picture(t), picture(t, image.Pt(3, 4), image.Pt(4, 4), image.Pt(30, 20))
	diff := filepath.Join(t.TempDir(), "diff.png")
	got := told(t, "--diff", diff, before, now)
	if got.Equal || got.DifferingPixels != 3 || got.Ratio != 3.0/(40*30) || got.Difference != diff {
		t.Errorf("got %+v", got)
	}
	if len(got.Regions) != 2 || got.Regions[0] != (reportedBox{3, 4, reportedSize{2, 1}}) {
		t.Errorf("regions %+v", got.Regions)
	}
	drawn, err := os.Open(diff)
	if err != nil {
		t.Fatal(err)
	}
	if size, err := png.DecodeConfig(drawn); err != nil || size.Width != 40 || size.Height != 30 {
		t.Errorf("the drawing is %+v, %v", size, err)
	}
	if err := drawn.Close(); err != nil {
		t.Error(err)
	}
}

func TestEqualPicturesAreNotDrawn(t *testing.T) {
	same, diff := picture(t, image.Pt(3, 4)), filepath.Join(t.TempDir(), "diff.png")
	if got := told(t, "--diff", diff, same, same); !got.Equal || got.DifferingPixels != 0 || got.Difference != "" {
		t.Errorf("got %+v", got)
	}
	if _, err := os.Stat(diff); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a drawing: %v", err)
	}
}

func TestIgnoredRegionsAreNotCounted(t *testing.T) {
	got := told(t, "--ignore", "0,0,10,10", picture(t), picture(t, image.Pt(3, 4)))
	if !got.Equal || got.IgnoredPixels != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestWrongOptionsSayWhatWouldBeRight(t *testing.T) {
	one, other := picture(t), picture(t)
	for says, line := range map[string][]string{
		"name two":         {one},
		"0 to 1":           {"--threshold", "1.5", one, other},
		"outside 0 to 2":   {"--absorb", "3", one, other},
		"1 pixel or more":  {"--window", "0", one, other},
		"yiq":              {"--metric", "rgb", one, other},
		"X,Y,WIDTH,HEIGHT": {"--ignore", "1,2,3", one, other},
		"would overwrite":  {"--diff", other, one, other},
	} {
		if _, err := asked(t, line...); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: got %v, want %q", line, err, says)
		}
	}
}

// TestAFullDiskLeavesTheDrawingThatWasThere lets the kernel refuse to write more
// than a few bytes to any file.
func TestAFullDiskLeavesTheDrawingThatWasThere(t *testing.T) {
	folder := t.TempDir()
	diff := filepath.Join(folder, "diff.png")
	if err := os.WriteFile(diff, []byte("as it was"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := asked(t, "--diff", diff, picture(t), picture(t, image.Pt(3, 4)))
	if err != nil {
		t.Fatal(err)
	}
	if err := limited(t, c); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("got %v", err)
	}
	if kept, err := os.ReadFile(diff); err != nil || string(kept) != "as it was" {
		t.Errorf("left %q, %v", kept, err)
	}
	if files, err := os.ReadDir(folder); err != nil || len(files) != 1 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

// limited runs a comparison while files may have 20 bytes at most.
func limited(t *testing.T, c *Comparison) error {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 20, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
	}()
	_, err := c.Run()
	return err
}
