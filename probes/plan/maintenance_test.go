package plan_test

import (
	"strings"
	"testing"
	"time"

	"tocsin/internal/target"
	"tocsin/probes"
	"tocsin/probes/plan"
)

// named is a probe of which only the name matters.
type named struct {
	probes.Probe
	name string
}

func (n named) Name() string { return n.name }

func TestWindowsOfThePlan(t *testing.T) {
	system := &target.Target{Zones: []target.Zone{{Name: "a"}, {Name: "b"}}}
	entries := []plan.Entry{{Probe: named{name: "login"}}, {Probe: named{name: "zone-a"}}}
	load := func(t *testing.T, windows string) (*plan.Plan, string) {
		t.Helper()
		loaded, err := plan.Load(write(t, t.TempDir(), "plan.yaml", "version: 1\nmaintenance:\n"+windows))
		if err != nil {
			return nil, err.Error()
		}
		return loaded, ""
	}
	t.Run("cover their probes", func(t *testing.T) {
		loaded, problem := load(t, "  - {name: patching, zones: [a], weekdays: [sunday], at: \"02:00\", to: \"04:00\", time_zone: Europe/Oslo}\n")
		if problem != "" {
			t.Fatal(problem)
		}
		calendar, err := loaded.Maintenance(system, entries)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, time.November, 1, 1, 30, 0, 0, time.UTC)
		if got := calendar.Active(plan.Subject(system, "zone-a"), at); got != "patching" {
			t.Errorf("zone-a is in %q", got)
		}
		if got := calendar.Active(plan.Subject(system, "login"), at); got != "" {
			t.Errorf("login is in %q", got)
		}
	})
	for name, tc := range map[string]struct{ windows, want string }{
		"with a mistake are named by line":  {"  - {name: patching, weekdays: [sundey], at: \"02:00\", for: 1h}\n", `plan.yaml:3:33: key "maintenance[0].weekdays[0]": "sundey" is no weekday; did you mean "sunday"?`},
		"with an unknown key are refused":   {"  - {name: patching, weekday: [sunday], at: \"02:00\", for: 1h}\n", `did you mean "weekdays"?`},
		"of a zone that there is not":       {"  - {name: patching, zones: [c], weekdays: [sunday], at: \"02:00\", for: 1h}\n", `key "maintenance[0].zones[0]": "c" is no zone of the target`},
		"of a probe that there is not":      {"  - {name: patching, probes: [logon], weekdays: [sunday], at: \"02:00\", for: 1h}\n", `window "patching" is for no probe`},
		"of a zone that has no such probes": {"  - {name: patching, probes: [login], zones: [a], weekdays: [sunday], at: \"02:00\", for: 1h}\n", `window "patching" is for no probe`},
	} {
		t.Run(name, func(t *testing.T) {
			loaded, problem := load(t, tc.windows)
			if problem == "" {
				if _, err := loaded.Maintenance(system, entries); err != nil {
					problem = err.Error()
				}
			}
			if !strings.Contains(problem, tc.want) {
				t.Errorf("got %s, want %s", problem, tc.want)
			}
		})
	}
}
