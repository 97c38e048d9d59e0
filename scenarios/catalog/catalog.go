// Package catalog owns the scenarios that Tocsin ships. A person's own are read
// from the path they are named by.
package catalog

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// ErrUnknown says that there is no scenario of that name.
var ErrUnknown = errors.New("no such scenario")

// Names lists the shipped scenarios in alphabetical order.
func Names() ([]string, error) {
	paths, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list scenarios: %w", err)
	}
	for i, path := range paths {
		paths[i] = strings.TrimSuffix(path, ".yaml")
	}
	slices.Sort(paths)
	return paths, nil
}

// Open returns the text of a scenario and the name to call it by in errors.
// Name is one of Names, or the path of a file, which has a slash or ends with
// .yaml.
func Open(name string) (file string, data []byte, err error) {
	if strings.ContainsRune(name, os.PathSeparator) || strings.HasSuffix(name, ".yaml") {
		data, err := os.ReadFile(name)
		if err != nil {
			return "", nil, fmt.Errorf("read scenario: %w", err)
		}
		return name, data, nil
	}
	data, err = files.ReadFile(name + ".yaml")
	if errors.Is(err, fs.ErrNotExist) {
		names, listErr := Names()
		return "", nil, errors.Join(fmt.Errorf("%w: %q; there are: %s", ErrUnknown, name, strings.Join(names, ", ")), listErr)
	}
	if err != nil {
		return "", nil, fmt.Errorf("read scenario %s: %w", name, err)
	}
	return name + ".yaml", data, nil
}
