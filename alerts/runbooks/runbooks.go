// Package runbooks owns what to do when an alert arrives: one Markdown file for
// each alert, named like it, and the handler that shows them.
package runbooks

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
)

// Path is where Tocsin serves the runbooks; a runbook's name follows it.
const Path = "/runbooks/"

//go:embed *.md
var files embed.FS

// Names returns the alerts that have a runbook, sorted.
func Names() ([]string, error) {
	paths, err := fs.Glob(files, "*.md")
	if err != nil {
		return nil, fmt.Errorf("list runbooks: %w", err)
	}
	names := make([]string, 0, len(paths))
	for _, path := range paths {
		if path != "README.md" {
			names = append(names, strings.TrimSuffix(path, ".md"))
		}
	}
	return names, nil
}

// Handler serves a runbook as text at Path followed by the alert's name, and a
// list of them at Path alone.
func Handler() http.Handler {
	return http.StripPrefix(strings.TrimSuffix(Path, "/"), http.HandlerFunc(serve))
}

func serve(w http.ResponseWriter, request *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	name := strings.TrimPrefix(request.URL.Path, "/")
	if name == "" {
		list(w)
		return
	}
	text, err := fs.ReadFile(files, strings.TrimSuffix(name, ".md")+".md")
	if err != nil {
		http.Error(w, "there is no such runbook; "+Path+" lists them", http.StatusNotFound)
		return
	}
	w.Write(text)
}

func list(w http.ResponseWriter) {
	names, err := Names()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	for _, name := range names {
		fmt.Fprintln(w, Path+name)
	}
}
