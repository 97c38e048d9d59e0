package hsm

import (
	"os"
	"path/filepath"
	"testing"
)

// TestExampleConfiguration keeps the documented example valid: with the files
// it names in place it loads.
func TestExampleConfiguration(t *testing.T) {
	text, err := os.ReadFile("config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"config.yaml": text, "hsm.pem": nil, "hsm.key": nil, "ca.pem": nil, "hsm.pin": nil, "hsm.so-pin": nil,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := LoadConfig(filepath.Join(dir, "config.yaml")); err != nil {
		t.Fatal(err)
	}
}
