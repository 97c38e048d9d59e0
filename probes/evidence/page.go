package evidence

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"
	"time"

	"tocsin/probes"
)

//go:embed page.html
var pageText string

// compared is a step beside the same step of the last good run.
type compared struct {
	probes.Step
	Good *float64
}

// render makes the page for people. It needs no script and no other file but
// the pictures beside it.
func render(b *Bundle) ([]byte, error) {
	page, err := template.New("evidence").Funcs(template.FuncMap{
		"ms":      func(value float64) string { return fmt.Sprintf("%.1f", value) },
		"phase":   phase,
		"time":    func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"picture": func(name string) bool { return strings.HasSuffix(name, ".png") || strings.HasSuffix(name, ".jpg") },
	}).Parse(pageText)
	if err != nil {
		return nil, fmt.Errorf("parse page of evidence: %w", err)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, struct {
		*Bundle
		Steps []compared
	}{b, beside(b.Result.Steps, b.LastGood)}); err != nil {
		return nil, fmt.Errorf("render evidence: %w", err)
	}
	return out.Bytes(), nil
}

func beside(steps []probes.Step, good *probes.Result) []compared {
	list := make([]compared, 0, len(steps))
	for _, step := range steps {
		next := compared{Step: step}
		if good != nil {
			for index := range good.Steps {
				if good.Steps[index].Name == step.Name {
					next.Good = &good.Steps[index].MS
				}
			}
		}
		list = append(list, next)
	}
	return list
}

// phase shows milliseconds; a dash is a phase that was not reached.
func phase(seconds *float64) string {
	if seconds == nil {
		return "–"
	}
	return fmt.Sprintf("%.1f", *seconds*1000)
}
