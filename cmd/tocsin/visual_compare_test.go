package main

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/verdict"
)

// drawn writes a white picture with a black bar, and returns its path.
func drawn(t *testing.T, name string, size image.Point, bar image.Rectangle) string {
	t.Helper()
	picture := image.NewNRGBA(image.Rectangle{Max: size})
	draw.Draw(picture, picture.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(picture, bar, image.NewUniform(color.Black), image.Point{}, draw.Src)
	var file bytes.Buffer
	if err := png.Encode(&file, picture); err != nil {
		t.Fatal(err)
	}
	return written(t, name, file.Bytes())
}

func written(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestVisualCompareNeedsNeitherTargetNorBrowser(t *testing.T) {
	plain := drawn(t, "plain.png", image.Pt(100, 50), image.Rectangle{})
	again := drawn(t, "again.png", image.Pt(100, 50), image.Rectangle{})
	marked := drawn(t, "marked.png", image.Pt(100, 50), image.Rect(10, 20, 30, 25))
	moved := drawn(t, "moved.png", image.Pt(100, 50), image.Rect(11, 20, 31, 25))
	taller := drawn(t, "taller.png", image.Pt(100, 60), image.Rectangle{})
	text := written(t, "page.png", []byte("<html>"))
	for name, c := range map[string]struct {
		arguments string
		code      int
		says      string
	}{
		"equal":                 {plain + " " + again, verdict.ExitPass, "equal: 100×50 pixels"},
		"different":             {plain + " " + marked, verdict.ExitFail, "different: 100 of 5000 pixels (2 %)\n  20×5 at 10,20"},
		"difference ignored":    {plain + " " + marked + " --ignore 10,20,20,5", verdict.ExitPass, "equal"},
		"other sizes":           {plain + " " + taller, verdict.ExitFail, "the sizes differ: 100×50 and 100×60"},
		"no PNG":                {plain + " " + text, verdict.ExitUnknown, "not a PNG file: it is markup"},
		"no file":               {plain + " nowhere.png", verdict.ExitUnknown, "nowhere.png: no such file"},
		"a folder":              {plain + " " + os.TempDir(), verdict.ExitUnknown, "is a directory"},
		"one file":              {plain, verdict.ExitUsage, "1 files to compare: name two"},
		"as pixelmatch 8":       {plain + " " + marked + " --metric oklab --json", verdict.ExitFail, `"metric": "oklab-aa/1"`},
		"an unknown metric":     {plain + " " + plain + " --metric lab", verdict.ExitUsage, "neither yiq, as pixelmatch 7 counts, nor oklab"},
		"threshold too large":   {plain + " " + plain + " --threshold 2", verdict.ExitUsage, "outside 0 to 1"},
		"threshold no number":   {plain + " " + plain + " --threshold NaN", verdict.ExitUsage, "outside 0 to 1"},
		"a region that is none": {plain + " " + plain + " --ignore 1,2,3", verdict.ExitUsage, "write X,Y,WIDTH,HEIGHT"},
		"a region with more":    {plain + " " + plain + " --ignore 1,2,3,4,5", verdict.ExitUsage, "write X,Y,WIDTH,HEIGHT"},
		"moved by a pixel":      {marked + " " + moved, verdict.ExitFail, "different: 10 of"},
		"moved, and absorbed":   {marked + " " + moved + " --absorb 1", verdict.ExitPass, "equal: 100×50 pixels\n  not counted: 21×5 at 10,20 moved 1 px right"},
		"absorbing too much":    {marked + " " + moved + " --absorb 3", verdict.ExitUsage, "outside 0 to 2"},
		"no window":             {marked + " " + moved + " --window 0", verdict.ExitUsage, "--window 0"},
		"overwriting":           {plain + " " + marked + " --diff " + marked, verdict.ExitUsage, "would overwrite"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := execute(t.Context(), append([]string{"visual", "compare"}, strings.Fields(c.arguments)...), &stdout, &stderr)
			if code != c.code || !strings.Contains(stdout.String()+stderr.String(), c.says) {
				t.Errorf("exit %d with %q and %q, want %d with %q", code, stdout.String(), stderr.String(), c.code, c.says)
			}
		})
	}
}

func TestVisualCompareReportsAsJSONAndDraws(t *testing.T) {
	plain := drawn(t, "plain.png", image.Pt(100, 50), image.Rectangle{})
	marked := drawn(t, "marked.png", image.Pt(100, 50), image.Rect(10, 20, 30, 25))
	into := filepath.Join(t.TempDir(), "difference.png")
	var stdout, stderr bytes.Buffer
	code := execute(t.Context(), []string{"visual", "compare", plain, marked, "--json", "--diff", into}, &stdout, &stderr)
	var report struct {
		Equal           bool
		DifferingPixels int `json:"differing_pixels"`
		Ratio           float64
		Regions         []struct{ X, Y, Width, Height int }
		Difference      string
	}
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil || code != verdict.ExitFail {
		t.Fatalf("exit %d, %v: %s%s", code, err, stdout.String(), stderr.String())
	}
	if report.Equal || report.DifferingPixels != 100 || report.Ratio != 0.02 || report.Difference != into ||
		len(report.Regions) != 1 || report.Regions[0] != struct{ X, Y, Width, Height int }{10, 20, 20, 5} {
		t.Errorf("report %+v", report)
	}
	file, err := os.Open(into)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	difference, err := png.Decode(file)
	if err != nil || difference.Bounds().Size() != image.Pt(100, 50) {
		t.Fatalf("%v %v", difference, err)
	}
	red, green, _, _ := difference.At(15, 22).RGBA()
	if red < 0xc000 || green > 0x1000 {
		t.Errorf("a changed pixel is drawn %v", difference.At(15, 22))
	}
	if code := execute(t.Context(), []string{"visual", "compare", plain, plain, "--diff", into + "2"}, &stdout, &stderr); code != verdict.ExitPass {
		t.Errorf("equal: exit %d", code)
	}
	if _, err := os.Stat(into + "2"); err == nil {
		t.Error("a difference is drawn where there is none")
	}
}
