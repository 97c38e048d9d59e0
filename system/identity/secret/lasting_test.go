package secret

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func load(t testing.TB, lines ...string) (*Keys, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pepper")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(file)
}

// TestLeakedPepperCanBeReplaced goes the way of an operator whose only pepper
// was stolen.
func TestLeakedPepperCanBeReplaced(t *testing.T) {
	old, fresh := string(pepper("a")), string(pepper("b"))
	stolen := box(t, derive(t, pepper("a")), "session")
	forged, err := stolen.Seal(value{"anybody"})
	if err != nil {
		t.Fatal(err)
	}
	before := derive(t, pepper("a"))
	for _, test := range []struct {
		name  string
		lines []string
		opens bool
	}{
		{"every zone learns the new one", []string{old, fresh, "subjects: " + old}, true},
		{"the new one seals", []string{fresh, old, "subjects:" + old}, true},
		{"the old one opens no more", []string{"subjects:\t" + old + " ", "", fresh}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			keys, err := load(t, test.lines...)
			if err != nil {
				t.Fatal(err)
			}
			if err := box(t, keys, "session").Open(forged, &value{}); (err == nil) != test.opens {
				t.Errorf("open: %v", err)
			}
			if fresh, _ := keys.Challenge("dpop", time.Now).Fresh(before.Challenge("dpop", time.Now).Current()); fresh != test.opens {
				t.Errorf("its challenge is accepted: %v", fresh)
			}
			if keys.Subject("s", "p") != before.Subject("s", "p") || keys.Grant("x") != before.Grant("x") ||
				!bytes.Equal(keys.Lasting("y"), before.Lasting("y")) {
				t.Error("what must never change has")
			}
			if secrets := keys.Secrets("z"); bytes.Equal(secrets[0], before.Secrets("z")[0]) != (test.lines[0] == old) || len(secrets) != len(keys.peppers) {
				t.Errorf("%d secrets follow from %d peppers, the first of them from the wrong one", len(secrets), len(keys.peppers))
			}
		})
	}
}

// TestWhatMustNeverChange pins values that live on outside: subjects at clients,
// grant ids and status lists in stores and credentials.
func TestWhatMustNeverChange(t *testing.T) {
	keys, err := load(t, string(pepper("b")), "subjects: "+string(pepper("a")))
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		keys.Subject("client.example", "person"): "bSdZq_qzlTNsAac7elUSdfZh",
		keys.Grant("a", "b"):                     "JkrrAhL8fhqAhzZF22mrQpkF",
		text(keys.Lasting("vci/status entries")): "fEwtQdUT-03J-8Wn4sgyekq5j9vdcW-DTzUI8-sStUU",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
