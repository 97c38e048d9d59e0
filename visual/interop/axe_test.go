//go:build interop

package interop

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"tocsin/visual/accessibility"
)

// TestEmbeddedEngineIsThatOfThePackage: AXE_CORE is the path of the axe.min.js
// that npm has installed and checked.
func TestEmbeddedEngineIsThatOfThePackage(t *testing.T) {
	published, err := os.ReadFile(os.Getenv("AXE_CORE"))
	if err != nil {
		t.Fatalf("AXE_CORE must be the path of axe.min.js: %v", err)
	}
	embedded, err := os.ReadFile("../accessibility/axe/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(published, embedded) {
		t.Error("visual/accessibility/axe/axe.min.js is not the file of the package: see the README.md beside it")
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(os.Getenv("AXE_CORE")), "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct{ Name, Version string }
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	if got := manifest.Name + "/" + manifest.Version; got != accessibility.Engine {
		t.Errorf("the package is %s, the engine %s", got, accessibility.Engine)
	}
}
