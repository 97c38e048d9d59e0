package mockid

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"YAML", people, ""},
		{"JSON", `{"persons":[{"individual_id":"1","pin":"1234","claims":{"name":"A"}}],"ranges":[]}`, ""},
		{"an empty file", "", ""},
		{"an unknown key", "persons: [{individual_id: '1', pin: '1234', pni: x}]", "pni"},
		{"a person without id", "persons: [{pin: '1234'}]", "persons[0]: individual_id"},
		{"a person twice", "persons: [{individual_id: '1', pin: '1234'}, {individual_id: '1', pin: '1234'}]", "given twice"},
		{"a PIN too short", "persons: [{individual_id: '1', pin: '123'}]", "pin must have"},
		{"a range that starts with a word", "ranges: [{first: one, count: 1, pin: '1234'}]", "ranges[0]: first"},
		{"a range of nobody", "ranges: [{first: '1', count: 0, pin: '1234'}]", "count"},
		{"a range beyond its digits", "ranges: [{first: '95', count: 6, pin: '1234'}]", "too few digits"},
		{"a range beyond all numbers", "ranges: [{first: '18446744073709551615', count: 2, pin: '1234'}]", "too few digits"},
		{"claims without a form in JSON", "persons: [{individual_id: '1', pin: '1234', claims: {a: .nan}}]", "JSON"},
		{"two documents", "persons: []\n---\npersons: []\n", "more than one"},
		{"no YAML", "\t{", "parse persons"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse([]byte(test.text))
			if test.want == "" && err != nil {
				t.Fatal(err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v does not say %q", err, test.want)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	good := Config{Version: 1, Secret: write(t, "s", strings.Repeat("s", 32)), Persons: write(t, "p", people)}
	for _, test := range []struct {
		name, want string
		change     func(*Config)
	}{
		{"a short secret", "fewer than 32", func(c *Config) { c.Secret = write(t, "s", "short") }},
		{"a portrait that is no JPEG", "not a JPEG", func(c *Config) {
			c.Persons = write(t, "p", "persons: [{individual_id: '1', pin: '1234', portrait: p}]")
		}},
		{"a portrait that is not there", "no such file", func(c *Config) {
			c.Persons = write(t, "p", "persons: [{individual_id: '1', pin: '1234', portrait: gone.jpg}]")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := good
			test.change(&config)
			if _, err := load(&config, nil, time.Now); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v does not say %q", err, test.want)
			}
		})
	}
}

func TestPortraitFromAFile(t *testing.T) {
	photograph, err := draw("somebody else")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.jpg"), photograph, 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := readPortrait(filepath.Join(dir, "persons.yaml"), "a.jpg")
	if err != nil || string(read) != string(photograph) {
		t.Errorf("read %d bytes, %v", len(read), err)
	}
}

func TestExamplesAreRight(t *testing.T) {
	text, err := os.ReadFile("persons.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(text); err != nil {
		t.Error(err)
	}
	config, err := os.ReadFile("config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string][]byte{"c.yaml": config, "persons.example.yaml": text, "mock-id.secret": []byte(strings.Repeat("s", 32))} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := LoadConfig(filepath.Join(dir, "c.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := load(loaded, nil, time.Now); err != nil {
		t.Error(err)
	}
}

func TestConfigRefuses(t *testing.T) {
	secret, persons := write(t, "s", "x"), write(t, "p", "")
	base := fmt.Sprintf("secret_file: %s\npersons_file: %s\n", secret, persons)
	for text, want := range map[string]string{
		base:                                         `"version"`,
		"version: 1\n":                               `"secret_file"`,
		"version: 1\noutbox_url: 'ftp://x'\n":        `"outbox_url"`,
		"version: 1\nsecret: x\n" + base:             "unknown key",
		"version: 1\noutbox_url: 'http://'\n":        `"outbox_url"`,
		"version: 1\nsecret_file: " + string(secret): `"persons_file"`,
	} {
		file := write(t, "c.yaml", text)
		if _, err := LoadConfig(string(file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v does not say %s", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(people))
	f.Add([]byte(`{"persons":[{"individual_id":"1","pin":"1234","claims":{"a":[1,{"b":null}]}}]}`))
	f.Add([]byte("persons: [{individual_id: '1', pin: '1234', claims: {a: 2020-01-01, 1: x}}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := Parse(text)
		if err != nil {
			return
		}
		for _, p := range file.Persons {
			if _, err := json.Marshal(p.Claims); err != nil {
				t.Errorf("claims that cannot be told: %v", err)
			}
		}
		for _, r := range file.Ranges {
			if !r.holds(r.First) {
				t.Errorf("range %+v does not hold its first", r)
			}
		}
	})
}
