package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/internal/verdict"
	"tocsin/scenarios"
	"tocsin/scenarios/report"
)

func TestJSONIsOneObjectWithTheFieldsThatGatesRead(t *testing.T) {
	var out bytes.Buffer
	if err := report.JSON(&out, sample()); err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(out.Bytes(), &object); err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"verdict", "reason", "expectations", "faults", "load", "ledger", "alerts", "timings", "series", "version"} {
		if object[field] == nil {
			t.Errorf("field %s is missing", field)
		}
	}
	var back scenarios.Outcome
	if err := json.Unmarshal(out.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if difference := cmp.Diff(sample(), back); difference != "" {
		t.Errorf("outcome changed on the way through JSON:\n%s", difference)
	}
}

func TestJUnitCountsAnUnknownLineAsAnError(t *testing.T) {
	var out bytes.Buffer
	if err := report.JUnit(&out, sample()); err != nil {
		t.Fatal(err)
	}
	var suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Cases    []struct {
			Name    string `xml:"name,attr"`
			Failure *struct {
				Message string `xml:"message,attr"`
			} `xml:"failure"`
		} `xml:"testcase"`
	}
	if err := xml.Unmarshal(out.Bytes(), &suite); err != nil {
		t.Fatal(err)
	}
	if suite.Tests != 5 || suite.Failures != 1 || suite.Errors != 1 {
		t.Errorf("suite has %d tests, %d failures, %d errors", suite.Tests, suite.Failures, suite.Errors)
	}
	if suite.Cases[1].Failure == nil || !strings.Contains(suite.Cases[1].Failure.Message, "not at least 2") {
		t.Errorf("case %+v does not say why it failed", suite.Cases[1])
	}
}

func TestTheTableIsPlainWhereThereAreNoColours(t *testing.T) {
	var plain, coloured bytes.Buffer
	if err := report.Table(&plain, sample(), false); err != nil {
		t.Fatal(err)
	}
	if err := report.Table(&coloured, sample(), true); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(plain.String(), "\x1b") || !strings.Contains(coloured.String(), "\x1b[1;31m✘ FAIL") {
		t.Error("colours are wrong")
	}
	for _, text := range []string{"a commit waits for another zone", "longest wait of a login", "9.1 s", "FAIL  1 of 5 lines broken"} {
		if !strings.Contains(plain.String(), text) {
			t.Errorf("table lacks %q:\n%s", text, plain.String())
		}
	}
}

func page(t *testing.T, outcome scenarios.Outcome) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.HTML(&out, outcome); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestThePageNeedsNoOtherFileAndEscapesWhatTheTargetSaid(t *testing.T) {
	text := page(t, sample())
	for _, forbidden := range []string{"src=\"http", "href=\"http", "<script", "@import", "refused <&>", "ZgotmplZ"} {
		if strings.Contains(text, forbidden) {
			t.Errorf("page contains %q", forbidden)
		}
	}
	for _, wanted := range []string{"<svg", "kill zone b", "pager rang &#43;12.4 s", "seen by probes &#43;1.1 s", "recovered &#43;44.2 s", `class="band fault"`} {
		if !strings.Contains(text, wanted) {
			t.Errorf("page lacks %q", wanted)
		}
	}
}

func TestThePageShowsTheDifferenceOfARedVisualLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "difference.png")
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 2, 2))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, picture.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	outcome := sample()
	outcome.Expectations[1].Evidence = []scenarios.Evidence{{Title: "difference", Path: path}, {Title: "gone", Path: path + ".gone"}}
	if text := page(t, outcome); !strings.Contains(text, "data:image/png;base64,") || !strings.Contains(text, ".gone") {
		t.Error("page lacks the picture, or the path of the one that is gone")
	}
}

func TestAnOutcomeWithoutDataIsToldAsSuch(t *testing.T) {
	empty := scenarios.Outcome{Scenario: "zone-loss", Verdict: verdict.Unknown, Reason: "no data"}
	if text := page(t, empty); !strings.Contains(text, "nothing to draw") {
		t.Error("page does not say that there is nothing to draw")
	}
}

func TestLabelsOfMarksDoNotOverlap(t *testing.T) {
	timeline := report.NewTimeline(sample())
	for i, a := range timeline.Marks {
		for _, b := range timeline.Marks[i+1:] {
			if a.LabelY == b.LabelY && a.X <= b.X && a.Anchor == "start" && a.LabelX+6.7*float64(len(a.Label)) > b.X {
				t.Errorf("label %q runs into %q", a.Label, b.Label)
			}
		}
	}
}

func BenchmarkHTML(b *testing.B) {
	outcome := sample()
	for b.Loop() {
		if err := report.HTML(&bytes.Buffer{}, outcome); err != nil {
			b.Fatal(err)
		}
	}
}

// TestMain writes the page to the file that TOCSIN_SAMPLE_REPORT names, for
// looking at it.
func TestMain(m *testing.M) {
	if path := os.Getenv("TOCSIN_SAMPLE_REPORT"); path != "" {
		var out bytes.Buffer
		if err := report.HTML(&out, sample()); err != nil {
			panic(err)
		}
		if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
