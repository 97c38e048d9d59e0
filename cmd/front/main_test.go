package main

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/verdict"
)

// picture writes one of a single colour.
func picture(t *testing.T, folder, name string, of color.Gray) string {
	t.Helper()
	drawn := image.NewGray(image.Rect(0, 0, 20, 10))
	for i := range drawn.Pix {
		drawn.Pix[i] = of.Y
	}
	var file bytes.Buffer
	if err := png.Encode(&file, drawn); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOnlyPlainComparisonsAreDoneHere(t *testing.T) {
	folder := t.TempDir()
	white, black := picture(t, folder, "white.png", color.Gray{255}), picture(t, folder, "black.png", color.Gray{})
	for name, c := range map[string]struct {
		arguments string
		code      int
		says      string // empty: it is left to the harness
	}{
		"equal":             {"visual compare " + white + " " + white, verdict.ExitPass, "equal: 20×10 pixels\n"},
		"different":         {"visual compare " + white + " " + black, verdict.ExitFail, "different: 200 of 200 pixels (100 %)\n  20×10 at 0,0\n"},
		"options":           {"visual compare --ignore 0,0,20,9 " + white + " " + black, verdict.ExitFail, "different: 20 of 200"},
		"JSON":              {"visual compare " + white + " " + black + " --json", verdict.ExitFail, `"differing_pixels": 200,`},
		"a missing file":    {"visual compare " + white + " nowhere.png", 0, ""},
		"one file":          {"visual compare " + white, 0, ""},
		"a wrong option":    {"visual compare --threshold 2 " + white + " " + white, 0, ""},
		"an unknown option": {"visual compare --nonsense " + white + " " + white, 0, ""},
		"help":              {"visual compare --help", 0, ""},
		"a global option":   {"--json visual compare " + white + " " + white, 0, ""},
		"another command":   {"visual check", 0, ""},
		"nothing":           {"", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			code, compared := compare(strings.Fields(c.arguments), &out)
			if compared != (c.says != "") || code != c.code || !strings.Contains(out.String(), c.says) || !compared && out.Len() > 0 {
				t.Errorf("code %d, compared %v, said %q", code, compared, out.String())
			}
		})
	}
}

// TestEverythingElseIsTheHarness runs the program beside one that tells how it
// was started, through a link as people put it in their path.
func TestEverythingElseIsTheHarness(t *testing.T) {
	folder, path := t.TempDir(), t.TempDir()
	front, link := filepath.Join(folder, "tocsin"), filepath.Join(path, "tocsin")
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", front, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	if err := os.Symlink(front, link); err != nil {
		t.Fatal(err)
	}
	run := func() (code int, said string) {
		output, err := exec.CommandContext(t.Context(), link, "probe", "run", "a b").CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if exit != nil {
			code = exit.ExitCode()
		}
		return code, string(output)
	}
	if code, said := run(); code != verdict.ExitUnknown || !strings.Contains(said, "make build") {
		t.Errorf("without a harness: %d, %q", code, said)
	}
	script := "#!/bin/sh\nprintf '%s|' \"$#\" \"$@\"\nexit 7\n"
	if err := os.WriteFile(filepath.Join(folder, harness), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	if code, said := run(); code != 7 || said != "3|probe|run|a b|" {
		t.Errorf("got %d, %q", code, said)
	}
}
