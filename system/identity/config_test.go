package identity_test

import (
	"os"
	"path/filepath"
	"testing"

	"tocsin/system/identity"
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
		"config.yaml": text, "identity.pem": nil, "identity.key": nil, "ca.pem": nil, "pepper": nil, "nodes.pem": nil,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config, err := identity.LoadConfig(filepath.Join(dir, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if config.Lifetimes != identity.Defaults().Lifetimes || config.Postgres.MaxConnections != identity.Defaults().Postgres.MaxConnections {
		t.Errorf("the example says other defaults than the code: %+v", config)
	}
}
