package hsm

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/system/internal/conf"
)

// TestExampleConfiguration keeps the documented example valid: with the files
// it names in place it loads, but for the security officer's PIN, which is
// locked away when a node serves.
func TestExampleConfiguration(t *testing.T) {
	text, err := os.ReadFile("config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"config.yaml": text, "hsm.pem": nil, "hsm.key": nil, "ca.pem": nil, "hsm.pin": nil,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := LoadConfig(filepath.Join(dir, "config.yaml")); err != nil {
		t.Fatal(err)
	}
}

func TestTokenIsNotMadeWithoutTheOfficer(t *testing.T) {
	for name, test := range map[string]struct{ file, says string }{
		"whose PIN is not named":   {"", "so_pin_file"},
		"whose PIN is locked away": {filepath.Join(t.TempDir(), "so-pin"), "read security officer PIN"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Init(&Config{PKCS11: PKCS11{SecurityOfficerPIN: conf.Path(test.file)}}, io.Discard)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}
