package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRotateKeysSaysWhatIsWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "identity.yaml")
	if err := os.WriteFile(file, []byte("version: 1\nzoen: a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		args []string
		says string
	}{
		{"no configuration", nil, `required flag(s) "config" not set`},
		{"a file that is not there", []string{"--config", file + ".bak"}, "no such file"},
		{"a key that is not known", []string{"--config", file}, "zoen"},
		{"the same at once", []string{"--config", file, "--now"}, "zoen"},
		{"a use that there is not", []string{"--config", file, "--use", "root"}, "must be token or credential"},
		{"a flag that there is not", []string{"--config", file, "--at-once"}, "unknown flag"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(append([]string{"rotate-keys"}, test.args...), &stdout, &stderr)
			if code != exitUsage || !strings.Contains(stderr.String(), test.says) || stdout.Len() != 0 {
				t.Errorf("exit code %d, %q, %q", code, stdout.String(), stderr.String())
			}
		})
	}
}
