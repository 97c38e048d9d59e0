package conf_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/system/internal/conf"
)

type sample struct {
	Version int           `yaml:"version"`
	Zone    string        `yaml:"zone"`
	Key     conf.File     `yaml:"key_file"`
	State   conf.Path     `yaml:"state"`
	Wait    conf.Duration `yaml:"wait"`
	Nodes   []string      `yaml:"nodes"`
	Inner   struct {
		Listen string `yaml:"listen"`
	} `yaml:"inner"`
	Maybe *struct {
		On bool `yaml:"on"`
	} `yaml:"maybe"`
}

func TestDecode(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "k"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, text string
		want       []string // parts of the error; none means success
	}{
		{"a whole file decodes", "version: 1\nzone: a\nkey_file: k\nwait: 2s\nnodes: [x]\ninner: {listen: ':1'}\nmaybe: {on: true}\n", nil},
		{"an unknown key names its line and the nearest", "version: 1\nzoen: a\n", []string{`c.yaml:2:1: key "zoen": unknown key; did you mean "zone"?`}},
		{"a nested unknown key carries its path", "inner:\n  listne: x\n", []string{`c.yaml:2:3: key "inner.listne"`, `"listen"`}},
		{"a wrong type says what was expected", "version: one\n", []string{`"one" is not a whole number`}},
		{"a number where text is due asks for quotes", "zone: 1\n", []string{"put it in quotes"}},
		{"a missing file is found at its key", "key_file: nope\n", []string{`c.yaml:1:11: key "key_file": cannot read`}},
		{"a folder is no file", "key_file: .\n", []string{"is a folder"}},
		{"a path need not exist", "state: later\n", nil},
		{"a bad duration shows a good one", "wait: soon\n", []string{"500ms"}},
		{"a key twice is an error", "zone: a\nzone: b\n", []string{"zone"}},
		{"every problem is reported", "zoen: a\nversion: x\n", []string{"zoen", "whole number"}},
		{"an empty file is an error", "", []string{"empty"}},
		{"a list where a mapping is due is an error", "- a\n", []string{"mapping"}},
		{"two documents are an error", "zone: a\n---\nzone: b\n", []string{"more than one"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var into sample
			err := conf.Decode(filepath.Join(dir, "c.yaml"), []byte(test.text), &into)
			if len(test.want) == 0 && err != nil {
				t.Fatalf("decode: %v", err)
			}
			for _, part := range test.want {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("error %v does not say %q", err, part)
				}
			}
		})
	}
}

func TestDecodeKeepsDefaultsAndResolvesPaths(t *testing.T) {
	into := sample{Zone: "z", Wait: conf.Duration(time.Second)}
	if err := conf.Decode("/etc/x/c.yaml", []byte("state: s\n"), &into); err != nil {
		t.Fatal(err)
	}
	if into.Zone != "z" || into.Wait.Std() != time.Second || into.State != "/etc/x/s" {
		t.Errorf("got %+v", into)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("version: 1\ninner: {listen: x}\nnodes: [a, b]\n"))
	f.Add([]byte("a: &x [*x]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var into sample
		if err := conf.Decode("/c.yaml", text, &into); err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
	})
}
