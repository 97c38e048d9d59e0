package runbooks_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"tocsin/alerts/runbooks"
)

func TestARunbookIsServedUnderTheNameOfItsAlert(t *testing.T) {
	cases := map[string]struct {
		path string
		code int
		want string
	}{
		"by name":             {"/runbooks/ZoneDown", http.StatusOK, "# ZoneDown"},
		"by file name":        {"/runbooks/ZoneDown.md", http.StatusOK, "# ZoneDown"},
		"the list":            {"/runbooks/", http.StatusOK, "/runbooks/Watchdog\n"},
		"one that is missing": {"/runbooks/Nothing", http.StatusNotFound, "/runbooks/"},
		"a way out":           {"/runbooks/../runbooks.go", http.StatusNotFound, "no such runbook"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			recorder := httptest.NewRecorder()
			runbooks.Handler().ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path, nil))
			if recorder.Code != c.code || !strings.Contains(recorder.Body.String(), c.want) {
				t.Errorf("answered %d %q, want %d with %q", recorder.Code, recorder.Body, c.code, c.want)
			}
		})
	}
}

func TestEveryRunbookHasTheSameParts(t *testing.T) {
	names, err := runbooks.Names()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name + ".md")
		if err != nil {
			t.Fatal(err)
		}
		rest := string(text)
		for _, heading := range []string{"# " + name, "## Meaning", "## Impact", "## Diagnosis", "## Mitigation"} {
			_, after, found := strings.Cut(rest, heading+"\n")
			if !found {
				t.Errorf("%s lacks %q, or has it in another order", name, heading)
			}
			rest = after
		}
	}
}
