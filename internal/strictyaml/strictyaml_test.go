package strictyaml_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/internal/strictyaml"
)

type zone struct {
	Name string `yaml:"name"`
	URL  string `yaml:"url"`
}

type common struct {
	Labels map[string]string `yaml:"labels"`
}

type file struct {
	Issuer   string        `yaml:"issuer"`
	Rate     int           `yaml:"rate"`
	Interval time.Duration `yaml:"interval"`
	Quick    bool          `yaml:"quick"`
	Zones    []zone        `yaml:"zones"`
	Client   *zone         `yaml:"client"`
	Any      any           `yaml:"any"`
	Common   common        `yaml:",inline"`
}

func TestWhatIsRightIsDecoded(t *testing.T) {
	var got file
	_, err := strictyaml.Parse("f.yaml", []byte(`
issuer: https://id.example
rate: 20
interval: 30s
zones: [{name: a, url: u}]
client: {name: 0123}
any: {what: [ever]}
labels: {team: id}
quick:
`), &got)
	if err != nil {
		t.Fatal(err)
	}
	want := file{
		Issuer: "https://id.example", Rate: 20, Interval: 30 * time.Second, Zones: []zone{{"a", "u"}}, Client: &zone{Name: "0123"},
		Any: map[string]any{"what": []any{"ever"}}, Common: common{Labels: map[string]string{"team": "id"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsWrongIsNamedWithItsPlace(t *testing.T) {
	cases := map[string]struct{ text, want string }{
		"an unknown key with the nearest right one": {"isuer: x", `f.yaml:1:1: key "isuer": unknown key; did you mean "issuer"?`},
		"an unknown key that is like none":          {"zzzzzz: x", `f.yaml:1:1: key "zzzzzz": unknown key`},
		"an unknown key deep inside":                {"zones:\n  - name: a\n    ulr: b", `f.yaml:3:5: key "zones[0].ulr": unknown key; did you mean "url"?`},
		"two letters swapped":                       {"raet: 1", `f.yaml:1:1: key "raet": unknown key; did you mean "rate"?`},
		"text where a number belongs":               {"rate: many", `f.yaml:1:7: key "rate": wants a whole number, has "many"`},
		"a broken number":                           {"rate: 1.5", `f.yaml:1:7: key "rate": wants a whole number, has "1.5"`},
		"a duration without unit":                   {"interval: 30", `f.yaml:1:11: key "interval": wants a duration such as 30s, has "30"`},
		"a list where text belongs":                 {"issuer: [a]", `f.yaml:1:9: key "issuer": wants text, has a list`},
		"text where a list belongs":                 {"zones: a", `f.yaml:1:8: key "zones": wants a list, has "a"`},
		"text where a mapping belongs":              {"zones: [a]", `f.yaml:1:9: key "zones[0]": wants a mapping of keys to values, has "a"`},
		"a key set twice":                           {"rate: 1\nrate: 2", `f.yaml:2:1: key "rate": key is already set at line 1`},
		"an anchor":                                 {"any: &x 1\nissuer: *x", `f.yaml:1:6: key "any": anchors and aliases are not allowed; write the value out` + "\n" + `f.yaml:2:9: key "issuer": anchors and aliases are not allowed; write the value out`},
		"a merge key":                               {"<<: {rate: 1}", `f.yaml:1:1: a key must be a plain word`},
		"an empty file":                             {"", `f.yaml:1:1: file is empty`},
		"a file of comments":                        {"# nothing\n", `f.yaml:1:1: file is empty`},
		"two documents":                             {"rate: 1\n---\nrate: 2", `f.yaml:2:1: a second YAML document starts here; put it into a file of its own`},
		"broken YAML":                               {"rate: 1\n  x: 2", `f.yaml:2:1: mapping values are not allowed in this context`},
		"a list at the top":                         {"- a", `f.yaml:1:1: wants a mapping of keys to values, has a list`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := strictyaml.Parse("f.yaml", []byte(tc.text), new(file))
			if err == nil {
				t.Fatal("accepted")
			}
			if err.Error() != tc.want {
				t.Errorf("got  %s\nwant %s", err, tc.want)
			}
			var found *strictyaml.Error
			if !errors.As(err, &found) || found.File != "f.yaml" {
				t.Errorf("%v is no *strictyaml.Error", err)
			}
		})
	}
}

func TestEverythingWrongIsReportedAtOnce(t *testing.T) {
	_, err := strictyaml.Parse("f.yaml", []byte("isuer: x\nrate: y\nzones: z"), new(file))
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Fatalf("got %v, want three findings", err)
	}
}

func TestAProblemOfAMissingKeyPointsAtItsNearestParent(t *testing.T) {
	document, err := strictyaml.Parse("f.yaml", []byte("rate: 1\nclient:\n  name: a"), new(file))
	if err != nil {
		t.Fatal(err)
	}
	for key, line := range map[string]int{"client.name": 3, "client.url": 3, "rate": 1, "zones[3].url": 1} {
		if got := document.Problem(key, "is missing", "").Line; got != line {
			t.Errorf("%s reported at line %d, want %d", key, got, line)
		}
	}
	if document.Has("client.url") || !document.Has("client.name") {
		t.Error("Has is wrong")
	}
}

const sample = "issuer: https://id.example\nrate: 20\ninterval: 30s\nzones:\n  - {name: a, url: u}\n  - {name: b, url: v}\nlabels: {team: id}\n"

func FuzzParse(f *testing.F) {
	for _, seed := range []string{sample, "a: &a [*a]", "{", "? [a]: b", "<<: 1", "- - -", "\x00", "rate: !!int x"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := strictyaml.Parse("f.yaml", data, new(file))
		if err != nil && !strings.HasPrefix(err.Error(), "f.yaml") {
			t.Errorf("error does not name the file: %v", err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := strictyaml.Parse("f.yaml", []byte(sample), new(file)); err != nil {
			b.Fatal(err)
		}
	}
}
