package checks

import (
	"errors"
	"image"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/strictyaml"
	"tocsin/visual/capture"
	"tocsin/visual/decide"
)

const whole = `version: 1
viewports:
  narrow: {width: 320, height: 640, mobile: true}
defaults: {viewports: [desktop, narrow], schemes: [light, dark], locales: [en-US, ar]}
pages:
  - name: login
    login: true
    masks: ["#clock"]
    frozen_at: 2026-01-02T03:04:05Z
    states:
      - {name: empty}
      - name: wrong-pin
        masks: [".tx"]
        steps:
          - {fill: "#uin", from: individual_id}
          - {fill: "#pin", value: "000000"}
          - {click: "button[type=submit]"}
          - {wait: "[role=alert]"}
  - name: error
    url: /ui/error?code=IDP-3200
    status: 503
    looks: {viewports: [mobile], schemes: [light], locales: [en-US]}
    full_page: false
`

func TestEveryCombinationIsAPicture(t *testing.T) {
	file, err := Parse("visual.yaml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	shots := file.Shots()
	var names []string
	for _, shot := range shots {
		names = append(names, shot.Name)
	}
	if len(shots) != 2*2*2*2+1 || len(slices.Compact(slices.Sorted(slices.Values(names)))) != len(names) {
		t.Errorf("pictures %q", names)
	}
	if names[0] != "login__empty__desktop__light__en-us" || names[len(names)-1] != "error__mobile__light__en-us" {
		t.Errorf("pictures %q", names)
	}
	asked := 0
	person := Person{ID: "1000", Secret: func() (string, error) { asked++; return "pin", nil }}
	last := shots[len(shots)-2] // the login page, wrong PIN, narrow, dark, ar
	request, err := last.Request("https://id.example/tenant", "https://id.example/authorize?x", person)
	if err != nil {
		t.Fatal(err)
	}
	view := request.View
	if view.Width != 320 || !view.Mobile || view.Scheme != capture.Dark || view.Locale != "ar" || view.Scale != 1 || view.Frozen.Year() != 2026 {
		t.Errorf("view %+v", view)
	}
	if request.URL != "https://id.example/authorize?x" || len(request.Steps) != 4 || request.Steps[0].Value != "1000" || !slices.Equal(request.Masks, []string{"#clock", ".tx"}) {
		t.Errorf("request %+v", request)
	}
	if asked != 0 {
		t.Error("the secret was read without need")
	}
	request, err = shots[len(shots)-1].Request("https://id.example/tenant", "", person)
	if err != nil || request.URL != "https://id.example/tenant/ui/error?code=IDP-3200" || !request.Viewport || shots[len(shots)-1].Status != 503 {
		t.Errorf("request %+v, %v", request, err)
	}
	if request.Deadline != 30*time.Second {
		t.Errorf("deadline %s", request.Deadline)
	}
}

func TestWrongFilesAreToldWhereAndWhy(t *testing.T) {
	for name, c := range map[string]struct{ old, new, key, says string }{
		"another version":           {"version: 1", "version: 2", "version", "not supported"},
		"a key nobody knows":        {"full_page", "fullpage", "pages[1].fullpage", "full_page"},
		"a viewport nobody knows":   {"[desktop, narrow]", "[desktop, wide]", "defaults.viewports[1]", "choose from desktop"},
		"a viewport too small":      {"width: 320", "width: 32", "viewports.narrow", "not between"},
		"a scheme nobody knows":     {"[light, dark]", "[light, sepia]", "defaults.schemes[1]", "choose from light, dark"},
		"a scheme twice":            {"[light, dark]", "[light, light]", "defaults.schemes", "twice"},
		"a locale that is none":     {"[en-US, ar]", "[english!]", "defaults.locales[0]", "no locale"},
		"a page twice":              {"name: error", "name: login", "pages[1].name", "twice"},
		"a page without a place":    {"    login: true\n", "", "pages[0].url", "is missing"},
		"a page with two places":    {"url: /ui", "login: true\n    url: /ui", "pages[1].url", "too"},
		"an address of a file":      {"url: /ui/error?code=IDP-3200", "url: file:///etc/passwd", "pages[1].url", "no address"},
		"a status that is none":     {"status: 503", "status: 42", "pages[1].status", "no status"},
		"a name that is none":       {"name: wrong-pin", "name: Wrong PIN", "pages[0].states[1].name", "no name"},
		"a step with two acts":      {"- {wait: \"[role=alert]\"}", "- {wait: a, click: b}", "pages[0].states[1].steps[3]", "one thing"},
		"a fill with nothing":       {", value: \"000000\"", "", "pages[0].states[1].steps[1].fill", "either value or from"},
		"a person nobody knows":     {"from: individual_id", "from: name", "pages[0].states[1].steps[0].from", "choose from"},
		"a timeout for ever":        {"status: 503", "status: 503\n    timeout: 1h", "pages[1].timeout", "not between"},
		"more than can be taken":    {"[en-US, ar]", "[" + manyLocales() + "]", "pages", "more than 2000"},
		"a name that is too long":   {"- name: login", "- name: " + strings.Repeat("w", 31), "pages", "more than 64"},
		"too often":                 {"login: true", "login: true\n    interval: 1m", "pages[0].interval", "too short for 16 pictures; write at least 2m40s"},
		"an interval for ever":      {"login: true", "login: true\n    interval: 9000h", "pages[0].interval", "not between"},
		"no attempt at all":         {"login: true", "login: true\n    attempts: -1", "pages[0].attempts", "not between 1 and 5"},
		"an impact nobody knows":    {"login: true", "login: true\n    accessibility: grave", "pages[0].accessibility", "choose from minor, moderate, serious, critical, off"},
		"a share above all":         {"login: true", "login: true\n    budget: {faint_share: 2}", "pages[0].budget", "share above 1"},
		"an absorbed page":          {"login: true", "login: true\n    budget: {absorb: 9}", "pages[0].budget.absorb", "not between 0 and 2"},
		"a region of nothing":       {"login: true", "login: true\n    budget: {ignore: [{x: 1, y: 1}]}", "pages[0].budget.ignore[0]", "no region"},
		"parameters of a page":      {"status: 503", "status: 503\n    parameters: {prompt: login}", "pages[1].parameters", "write them into url"},
		"no pages":                  {whole[strings.Index(whole, "pages:"):], "pages: []\n", "pages", "is empty"},
		"an element of half a page": {"full_page: false", "full_page: false\n    element: h1", "pages[1].full_page", "leave one out"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("visual.yaml", []byte(strings.Replace(whole, c.old, c.new, 1)))
			var found *strictyaml.Error
			if !errors.As(err, &found) || found.Key != c.key || found.Line == 0 || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %s: …%s…", err, c.key, c.says)
			}
		})
	}
}

func TestPagesHaveTheRulesOfTheFileUnlessTheySayOtherwise(t *testing.T) {
	file, err := Parse("visual.yaml", []byte(`version: 1
defaults: {interval: 1h, attempts: 3, budget: {soft_edges: 5}}
pages:
  - {name: one, login: true, parameters: {prompt: consent}}
  - {name: other, url: /, interval: 2h, attempts: 1, accessibility: "off", budget: {changed: 7, absorb: 1, ignore: [{x: 1, y: 2, width: 3, height: 4}]}}
`))
	if err != nil {
		t.Fatal(err)
	}
	one, other := file.Shots()[0], file.Shots()[1]
	usual := decide.DefaultBudget()
	if one.Interval != time.Hour || one.Attempts != 3 || one.Accessibility != "serious" || one.Parameters["prompt"] != "consent" ||
		one.Budget.SoftEdges != 5 || one.Budget.Changed != usual.Changed || one.Budget.FaintShare != usual.FaintShare {
		t.Errorf("one %+v", one)
	}
	if other.Interval != 2*time.Hour || other.Attempts != 1 || other.Accessibility != AccessibilityOff || other.Budget.Changed != 7 ||
		other.Budget.SoftEdges != usual.SoftEdges || other.Budget.Absorb != 1 || other.Budget.Ignore[0] != image.Rect(1, 2, 4, 6) {
		t.Errorf("other %+v", other)
	}
}

func TestChecksAreChosenByTheirNamesAndThoseOfPages(t *testing.T) {
	file, err := Parse("visual.yaml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	all := file.Shots()
	for _, tc := range []struct {
		names []string
		count int
		says  string
	}{
		{nil, len(all), ""}, {[]string{"error"}, 1, ""}, {[]string{"login"}, 16, ""}, {[]string{all[3].Name, "error", all[3].Name}, 2, ""},
		{[]string{"errors"}, 0, `did you mean "error"?`}, {[]string{"something-else"}, 0, "the pages are login, error"},
	} {
		chosen, err := Chosen(all, tc.names)
		if len(chosen) != tc.count || (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%q: %d chosen, %v", tc.names, len(chosen), err)
		}
	}
	if _, err := ForTarget("", "/nowhere/visual.yaml"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that there is not: %v", err)
	}
}

func manyLocales() string {
	var tags []string
	for one := 'a'; one <= 'z'; one++ {
		for two := 'a'; two <= 'z'; two++ {
			tags = append(tags, string(one)+string(two))
		}
	}
	return strings.Join(tags, ", ")
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("version: 1\npages: [{name: a, url: /}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("visual.yaml", data)
		if err != nil {
			return
		}
		for _, shot := range file.Shots() {
			if _, err := shot.Request("https://id.example", "", Person{Secret: func() (string, error) { return "", nil }}); err != nil {
				t.Errorf("%s: %v", shot.Name, err)
			}
		}
	})
}
