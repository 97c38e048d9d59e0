package report

import (
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"tocsin/internal/verdict"
	"tocsin/scenarios"
	"tocsin/scenarios/load"
)

//go:embed page.html page.css
var pages embed.FS

// maxPicture bounds a picture that is put into the page, in bytes; larger ones
// are named by their path.
const maxPicture = 4 << 20

// Page is what the HTML template shows.
type Page struct {
	scenarios.Outcome
	CSS      template.CSS
	Tiles    []Figure
	Timeline *Timeline
	Pictures []Picture
	Problems []ProblemCount
	Took     time.Duration
}

// Picture is evidence that is shown on the page.
type Picture struct {
	Line, Title, Path string
	Source            template.URL
}

// ProblemCount is how often attempts met a problem.
type ProblemCount struct {
	Kind  load.ProblemKind
	Count int
}

// HTML writes outcome as one page that needs no other file and no network.
func HTML(w io.Writer, outcome scenarios.Outcome) error {
	style, err := pages.ReadFile("page.css")
	if err != nil {
		return fmt.Errorf("read style of report: %w", err)
	}
	functions := template.FuncMap{
		"class": classOf, "mark": markOf, "span": span, "clock": clock, "since": since,
		"parts": partsOf, "place": place, "half": func(value float64) float64 { return value / 2 },
		"add": func(a, b float64) float64 { return a + b },
	}
	parsed, err := template.New("page.html").Funcs(functions).ParseFS(pages, "page.html")
	if err != nil {
		return fmt.Errorf("parse template of report: %w", err)
	}
	pictures, err := picturesOf(outcome)
	if err != nil {
		return err
	}
	page := Page{
		Outcome: outcome,
		// The style is our own file, not data of a run.
		CSS:   template.CSS(style),
		Tiles: Figures(outcome), Timeline: NewTimeline(outcome), Pictures: pictures,
		Problems: problemsOf(outcome), Took: outcome.Ended.Sub(outcome.Started).Round(time.Second),
	}
	if err := parsed.Execute(w, page); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func picturesOf(outcome scenarios.Outcome) ([]Picture, error) {
	var pictures []Picture
	for _, line := range outcome.Expectations {
		if line.Verdict.Good() {
			continue
		}
		for _, evidence := range line.Evidence {
			picture := Picture{Line: line.Name, Title: evidence.Title, Path: evidence.Path}
			source, err := inline(evidence.Path)
			if err != nil {
				return nil, fmt.Errorf("put evidence of %q into report: %w", line.Name, err)
			}
			picture.Source = source
			pictures = append(pictures, picture)
		}
	}
	return pictures, nil
}

// inline returns the picture at path as a data URL, or nothing for what is no
// picture, too large or gone: then the path is shown.
func inline(path string) (template.URL, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() > maxPicture {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	kind := http.DetectContentType(data)
	if kind != "image/png" && kind != "image/jpeg" {
		return "", nil
	}
	return template.URL("data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(data)), nil
}

func problemsOf(outcome scenarios.Outcome) []ProblemCount {
	if outcome.Load == nil {
		return nil
	}
	counts := make([]ProblemCount, 0, len(outcome.Load.Problems))
	for _, kind := range slices.Sorted(maps.Keys(outcome.Load.Problems)) {
		counts = append(counts, ProblemCount{kind, outcome.Load.Problems[kind]})
	}
	return counts
}

// Group is the lines of one part.
type Group struct {
	Part  scenarios.Part
	Lines []scenarios.Expectation
}

func partsOf(lines []scenarios.Expectation) []Group {
	var groups []Group
	for _, line := range lines {
		if len(groups) == 0 || groups[len(groups)-1].Part != line.Part {
			groups = append(groups, Group{Part: line.Part})
		}
		last := &groups[len(groups)-1]
		last.Lines = append(last.Lines, line)
	}
	return groups
}

func classOf(v verdict.Verdict) string {
	if v.Good() {
		return "pass"
	}
	return string(v)
}

func markOf(v verdict.Verdict) string {
	return strings.TrimSpace(word(v))
}

func clock(at time.Time) string { return at.Local().Format("15:04:05.0") }

func since(at, from time.Time) string { return fmt.Sprintf("%+.1f s", at.Sub(from).Seconds()) }
