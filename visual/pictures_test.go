package visual

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/visual/checks"
	"tocsin/visual/page"
)

func TestPicturesOfAFileOfChecks(t *testing.T) {
	i := newIssuer(t)
	to := i.target(t)
	secret := filepath.Join(t.TempDir(), "pin")
	if err := os.WriteFile(secret, []byte("545411"), 0o600); err != nil {
		t.Fatal(err)
	}
	to.Accounts.Probe = target.Account{IndividualID: "1000000001", SecretFile: secret}
	file, err := checks.Parse("visual.yaml", []byte(`version: 1
pages:
  - name: login
    login: true
    looks: {schemes: [light, dark]}
    states:
      - {name: empty}
      - {name: filled, steps: [{fill: input, from: secret}]}
  - {name: gone, url: /nowhere}
  - {name: refused, url: "http://127.0.0.1:1/"}
  - {name: changed, login: true, steps: [{click: "#not-there"}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	folder, looker := filepath.Join(t.TempDir(), "pictures"), newDesk(t, to).looker
	var found []string
	var taken []Taken
	for _, shot := range file.Shots() {
		one := looker.Picture(t.Context(), shot, folder)
		taken = append(taken, one)
		found = append(found, fmt.Sprintf("%s %s %d", one.Check, one.Verdict, one.Status))
	}
	want := []string{
		"login__empty__desktop__light__en-us pass 200", "login__empty__desktop__dark__en-us pass 200",
		"login__filled__desktop__light__en-us pass 200", "login__filled__desktop__dark__en-us pass 200",
		"gone__desktop__light__en-us fail 404", "refused__desktop__light__en-us fail 0", "changed__desktop__light__en-us fail 0",
	}
	if strings.Join(found, "\n") != strings.Join(want, "\n") {
		t.Fatalf("took\n%s\nwant\n%s", strings.Join(found, "\n"), strings.Join(want, "\n"))
	}
	if taken[0].Environment.Scheme != "light" || taken[1].Environment.Scheme != "dark" || taken[0].Environment.Machine == "" || taken[0].SettlingMS <= 0 {
		t.Errorf("first %+v", taken[0])
	}
	if !strings.Contains(taken[6].Detail, "step 1 (click #not-there)") || taken[5].Reason != verdict.Unreachable {
		t.Errorf("reasons %q and %q", taken[5].Detail, taken[6].Detail)
	}
	for _, ending := range []string{".png", ".page.json", ".json"} {
		content, err := os.ReadFile(filepath.Join(folder, taken[2].Check+ending))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte("545411")) {
			t.Errorf("%s holds the secret", ending)
		}
		switch ending {
		case ".page.json":
			told, err := page.Decode(bytes.NewReader(content))
			if err != nil || len(told.Elements) < 5 {
				t.Errorf("page %+v, %v", told, err)
			}
		case ".json":
			if !json.Valid(content) {
				t.Errorf("not JSON: %s", content)
			}
		}
	}
}
