//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// ordinary is how most people see a page; the file has it in eleven ways more.
var ordinary = regexp.MustCompile(`(?m)^(\S+__desktop__light__en-us)  `)

func TestEveryPageAndStateOfTheLabCanBeLookedAt(t *testing.T) {
	shared.takeLab(t)
	checks := []string{"--checks", filepath.Join(shared.dir, "lab", "visual.yaml"), "visual"}
	listed := shared.run("tocsin", append(checks, "list")...)
	var names []string
	for _, found := range ordinary.FindAllStringSubmatch(listed.stdout, -1) {
		names = append(names, found[1])
	}
	// Nine error pages, and the ways to log in, consent, and log out.
	if lines := strings.Count(listed.stdout, "\n"); len(names) < 24 || lines < 12*(len(names)-1) {
		t.Fatalf("%d pages in %d pictures: %s%s", len(names), lines, listed.stdout, listed.stderr)
	}
	pictures := filepath.Join(t.TempDir(), "pictures")
	if said := shared.run("tocsin", append(append(checks, "capture", "--out", pictures), names...)...); said.code != 0 {
		t.Errorf("capture exits %d: %s%s", said.code, said.stdout, said.stderr)
	}
	// One that takes steps, one in a telephone in the dark from right to left.
	few := []string{"consent__desktop__light__en-us", "error-gone__mobile__dark__ar"}
	for _, command := range [][]string{{"approve", "--reason", "what the test saw"}, {"check"}} {
		if said := shared.run("tocsin", append(append(checks, command...), few...)...); said.code != 0 {
			t.Errorf("%s exits %d: %s%s", command[0], said.code, said.stdout, said.stderr)
		}
	}
}

// A client that the provider does not know gets an error page instead of the
// login page: it is named, not measured.
func TestAnErrorPageInPlaceOfTheLoginIsNamed(t *testing.T) {
	shared.takeLab(t)
	text, err := os.ReadFile(filepath.Join(shared.dir, "lab", "target.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "target.yaml")
	if err := os.WriteFile(path, regexp.MustCompile(`(?m)^(client:\n  id: ).*$`).ReplaceAll(text, []byte("${1}nobody")), 0o600); err != nil {
		t.Fatal(err)
	}
	said := shared.run("tocsin", "--target", path, "visual", "check", "login")
	if said.code != 1 {
		t.Errorf("exits %d", said.code)
	}
	mentions(t, said.stdout, "FAIL", "answered 400 Bad Request, and 200 is expected", "error IDP-4001 is shown")
}
