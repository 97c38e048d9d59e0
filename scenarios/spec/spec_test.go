package spec_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"tocsin/scenarios/catalog"
	"tocsin/scenarios/spec"
)

func shipped(t testing.TB) string {
	t.Helper()
	_, data, err := catalog.Open("zone-loss")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestEveryShippedScenarioCanBeReadUnderItsName(t *testing.T) {
	names, err := catalog.Names()
	if err != nil || len(names) == 0 {
		t.Fatalf("names %v, %v", names, err)
	}
	for _, name := range names {
		file, data, err := catalog.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		scenario, _, err := spec.Parse(file, data, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if scenario.Name != name {
			t.Errorf("file %s has a scenario named %s", file, scenario.Name)
		}
	}
}

func TestAParameterReachesEveryPlaceWhereItIsUsed(t *testing.T) {
	scenario, chosen, err := spec.Parse("zone-loss.yaml", []byte(shipped(t)), map[string]string{"zone": "c", "rate": "7"})
	if err != nil {
		t.Fatal(err)
	}
	if scenario.Method[0].Fault.Zone != "c" || scenario.Load.Rate != 7 || chosen["zone"] != "c" {
		t.Errorf("fault %+v, rate %d, chosen %v", scenario.Method[0].Fault, scenario.Load.Rate, chosen)
	}
	for _, expectation := range scenario.Expect {
		if expectation.Alert != nil && expectation.Alert.Labels["zone"] != "c" {
			t.Errorf("alert wants %v", expectation.Alert.Labels)
		}
		if expectation.FaultInForce != nil && expectation.FaultInForce.Failing[0] != "zone-c" {
			t.Errorf("fault is looked for at %v", expectation.FaultInForce.Failing)
		}
	}
}

func TestAWrongParameterIsRefused(t *testing.T) {
	for name, values := range map[string]map[string]string{
		"a zone that is not there":         {"zone": "q"},
		"a parameter that is not there":    {"zome": "a"},
		"a value that would change a file": {"rate": "1\nstop: []"},
		"a value with a quote":             {"rate": `1"`},
		"no value":                         {"rate": ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := spec.Parse("zone-loss.yaml", []byte(shipped(t)), values)
			if !errors.Is(err, spec.ErrParameter) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestBadInputNamesLineKeyAndWhatToWrite(t *testing.T) {
	cases := map[string]struct{ from, to, want string }{
		"an unknown key":                      {"gate: true", "gaet: true", `did you mean "gate"?`},
		"a text where a number stands":        {"rate: ${rate}", "rate: many", "load.rate"},
		"a duration without a unit":           {"duration: 80s", "duration: 80", "a duration such as 30s"},
		"another version":                     {"version: 1", "version: 2", "write version: 1"},
		"no claim":                            {"claim: When", "#claim: When", `"claim": is missing`},
		"no gate":                             {"gate: true", "gate: false", "gate: true, so a system that is down"},
		"a query without bounds":              {", atLeast: 2}", "}", "neither atLeast nor atMost"},
		"a fault of another kind":             {"kind: kill", "kind: maim", "kill, freeze, cut"},
		"a fault of everything":               {`, zone: "${zone}"}` + "\n    for", "}\n    for", "it would break everything"},
		"a load that ends before the revert":  {"duration: 80s", "duration: 40s", "ends before the fault is reverted"},
		"no least number of samples":          {"failedLogins: {atMost: 0, samples: 400}", "failedLogins: {atMost: 0}", "no data would pass"},
		"an expectation of two kinds":         {"deliveredRate: {atLeast: 0.95}", "deliveredRate: {atLeast: 0.95}\n    lies: {atMost: 0, samples: 1}", "several kinds: deliveredRate, lies"},
		"an expectation of no kind":           {"    deliveredRate: {atLeast: 0.95}\n", "", "exactly one of failedLogins"},
		"two lines of one name":               {"name: no lies", "name: no login fails", "name of another line"},
		"a parameter that nobody declared":    {"rate: ${rate}", "rate: ${speed}", "load.rate"},
		"a broken pattern":                    {"probe: {name: zone-*}", `probe: {name: "zone-["}`, "is no pattern"},
		"a label to be alone with, not asked": {"only: zone", "only: region", `label "region" has no value`},
		"a share above everything":            {"above: 0.5", "above: 50", "outside 0 to 1"},
		"a default that is not allowed":       {"default: a,", "default: z,", "none of a, b, c"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(shipped(t), c.from, c.to, 1)
			if text == shipped(t) {
				t.Fatalf("the shipped scenario has no %q", c.from)
			}
			_, _, err := spec.Parse("mine.yaml", []byte(text), nil)
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "mine.yaml:") {
				t.Errorf("error %q lacks %q or its place", err, c.want)
			}
		})
	}
}

func TestDefaultsAreFilledIn(t *testing.T) {
	text := strings.Replace(shipped(t), ", inARow: 2", "", 1)
	scenario, _, err := spec.Parse("mine.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, expectation := range scenario.Expect {
		if expectation.Recovered != nil && expectation.Recovered.InARow != 2 {
			t.Errorf("recovered %+v", expectation.Recovered)
		}
	}
	if scenario.SteadyState[1].Probe.Runs != 1 || scenario.Load.Duration != 80*time.Second {
		t.Errorf("scenario %+v", scenario)
	}
}

func TestTheSchemaDescribesEveryKey(t *testing.T) {
	data, err := spec.Schema()
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	described(t, "", schema)
}

// described walks a schema and complains of objects that are open and of keys
// without a description.
func described(t *testing.T, at string, schema map[string]any) {
	properties, ok := schema["properties"].(map[string]any)
	if !ok {
		for _, key := range []string{"items", "additionalProperties"} {
			if inner, ok := schema[key].(map[string]any); ok {
				described(t, at+"[]", inner)
			}
		}
		return
	}
	if schema["additionalProperties"] != false {
		t.Errorf("%s takes unknown keys", at)
	}
	for name, property := range properties {
		inner, ok := property.(map[string]any)
		if !ok || inner["description"] == "" {
			t.Errorf("%s.%s has no description", at, name)
			continue
		}
		described(t, at+"."+name, inner)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(shipped(f)), "zone", "b")
	f.Add([]byte("version: 1\nparameters: {x: {default: y}}\nname: ${x}"), "x", "z")
	f.Add([]byte("parameters: [1"), "", "")
	f.Fuzz(func(t *testing.T, data []byte, name, value string) {
		values := map[string]string{}
		if name != "" {
			values[name] = value
		}
		scenario, _, err := spec.Parse("fuzz.yaml", data, values)
		if err == nil && (len(scenario.Method) != 1 || len(scenario.Expect) == 0 || scenario.Load.Rate < 1) {
			t.Errorf("accepted %q", data)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	data := []byte(shipped(b))
	for b.Loop() {
		if _, _, err := spec.Parse("zone-loss.yaml", data, nil); err != nil {
			b.Fatal(err)
		}
	}
}
