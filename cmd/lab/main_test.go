package main

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
)

// calls runs the program the way a shell does and returns its exit code and
// what it said on standard error.
func calls(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	t.Setenv("TOCSIN_LAB_STATE", t.TempDir())
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr := os.Stderr
	os.Stderr = write
	code = run(args)
	os.Stderr = stderr
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if _, err := io.Copy(&text, read); err != nil {
		t.Fatal(err)
	}
	return code, text.String()
}

func TestWhatPeopleGetWrongIsSaidPlainly(t *testing.T) {
	cases := map[string]struct {
		args []string
		code int
		says string
	}{
		"an unknown command":              {[]string{"upp"}, 2, `unknown command "upp"`},
		"an unknown kind of fault":        {[]string{"fault", "melt"}, 2, `unknown command "melt"`},
		"an unknown flag":                 {[]string{"up", "--prot=1"}, 2, "--prot"},
		"a port that is no number":        {[]string{"up", "--port=high"}, 2, "high"},
		"an argument too many":            {[]string{"down", "now"}, 2, "lab down --help"},
		"no component to show the log of": {[]string{"logs"}, 2, "1 arg"},
		"a log before there is one":       {[]string{"logs", "etcd"}, 1, "has a lab been up"},
		"a status without a lab":          {[]string{"status"}, 1, "no lab is running"},
		"a fault without a lab":           {[]string{"fault", "kill", "--zone=a"}, 1, "no lab is running"},
		"a target without a lab":          {[]string{"target"}, 1, "no lab has been up"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			code, said := calls(t, tc.args...)
			if code != tc.code || !strings.Contains(said, tc.says) {
				t.Errorf("exits %d saying %q; want %d saying %q", code, said, tc.code, tc.says)
			}
		})
	}
}

func TestEndingALabThatDoesNotRunIsNoMistake(t *testing.T) {
	if code, said := calls(t, "down"); code != 0 {
		t.Errorf("exits %d saying %q", code, said)
	}
}
