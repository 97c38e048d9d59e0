package report

import (
	"strings"
	"testing"
	"time"
)

func sample() *Report {
	return &Report{
		Title: "login of lab", Verdict: "fail", Reason: "2 % of the page changed", Taken: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC),
		Baseline: "baseline.png", Actual: "actual.png", Difference: "difference.png", Width: 200, Height: 100,
		Regions: []Region{{20, 50, 100, 10}}, Words: []string{"text of `h1` changed from “<b>” to “&”"},
		Facts: []Fact{{"approved by", "alice"}}, Approve: "tocsin visual approve login --from run-1 --reason '…'",
	}
}

func TestReportShowsPicturesWordsAndCommands(t *testing.T) {
	html, err := sample().HTML()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`src="baseline.png"`, `src="actual.png"`, `src="difference.png"`, "left:10.0000%;top:50.0000%;width:50.0000%;height:10.0000%",
		"“&lt;b&gt;” to “&amp;”", "<dt>approved by</dt><dd>alice</dd>", "visual approve login --from run-1", "2030-01-02 03:04:05 UTC", `class="verdict fail"`,
	} {
		if !strings.Contains(string(html), want) {
			t.Errorf("no %s in %s", want, html)
		}
	}
	for _, never := range []string{"<script", "onclick", "http://", "https://", "ZgotmplZ"} {
		if strings.Contains(string(html), never) {
			t.Errorf("%s in the report", never)
		}
	}
}

func TestReportWithoutABaselineShowsThePictureAlone(t *testing.T) {
	r := sample()
	r.Baseline, r.Difference, r.Approve = "", "", ""
	html, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	if text := string(html); !strings.Contains(text, `src="actual.png"`) || strings.Contains(text, "Slider</label>") || strings.Contains(text, "<h2 id=\"decide\"") {
		t.Error(text)
	}
}
