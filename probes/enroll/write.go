package enroll

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tocsin/internal/ownerfile"
)

// ErrExists means that a file is there already and was not to be replaced.
var ErrExists = errors.New("file exists already")

// Write puts the target file at path and the secrets beside it, each readable
// by its owner alone. Without force it replaces nothing. It returns the files
// it wrote, the target file last.
func (e *Enrolled) Write(path string, force bool) ([]string, error) {
	base := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	type file struct{ name, content string }
	files := []file{{base + ".password", e.Password + "\n"}}
	secretName := ""
	if e.Secret != "" {
		secretName = base + ".client-secret"
		files = append(files, file{secretName, e.Secret + "\n"})
	}
	text, err := e.text(base+".password", secretName, filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	files = append(files, file{filepath.Base(path), text})
	if !force {
		for _, next := range files {
			at := filepath.Join(filepath.Dir(path), next.name)
			if _, err := os.Lstat(at); err == nil {
				return nil, fmt.Errorf("%w: %s", ErrExists, at)
			}
		}
	}
	var written []string
	for _, next := range files {
		at := filepath.Join(filepath.Dir(path), next.name)
		if err := ownerfile.Write(at, []byte(next.content)); err != nil {
			return written, err
		}
		written = append(written, at)
	}
	return written, nil
}

// quoted writes a value so that YAML reads it as it is: JSON text is YAML text.
func quoted(value any) (string, error) {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", fmt.Errorf("quote %v: %w", value, err)
	}
	return strings.ReplaceAll(strings.TrimSpace(text.String()), `","`, `", "`), nil
}

// text is the target file.
func (e *Enrolled) text(passwordFile, secretFile, folder string) (string, error) {
	var out strings.Builder
	var problems []error
	line := func(format string, values ...any) {
		for index, value := range values {
			text, err := quoted(value)
			problems = append(problems, err)
			values[index] = text
		}
		out.WriteString(fmt.Sprintf(format, values...) + "\n")
	}
	line("# Where the system under test is and how to log in to it. Paths start at this")
	line("# file's folder. Try it: tocsin --target THIS-FILE probe run login")
	line("version: 1")
	line("name: %s", e.Name)
	line("issuer: %s   # as the provider states it: a slash at its end counts", e.Provider.Issuer)
	if e.CAFile != "" {
		file, err := from(folder, e.CAFile)
		problems = append(problems, err)
		line("tls: {ca_file: %s}", file)
	}
	line("client:")
	line("  id: %s", e.ID)
	line("  auth: %s", e.Auth)
	if e.KeyFile != "" {
		file, err := from(folder, e.KeyFile)
		problems = append(problems, err)
		line("  key_file: %s", file)
	}
	if secretFile != "" {
		line("  secret_file: %s", secretFile)
	}
	line("  redirect_uri: %s   # need not exist: it is never followed", e.RedirectURI)
	line("  scopes: %s", e.Scopes)
	line("accounts:")
	line("  probe: {individual_id: %s, secret_file: %s}", e.Username, passwordFile)
	line("login:")
	line("  driver: form   # HTML pages without JavaScript; the inputs are found by their types")
	line("# What the provider announces, and what is therefore probed all day and must")
	line("# stay. Take out what this client is not allowed to do.")
	line("features: %s", e.Features)
	return out.String(), errors.Join(problems...)
}

// from is path as seen from folder.
func from(folder, path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("resolve %s: %w", path, err)
	}
	base, err := filepath.Abs(folder)
	if err != nil {
		return "", fmt.Errorf("resolve %s: %w", folder, err)
	}
	relative, err := filepath.Rel(base, absolute)
	if err != nil || strings.HasPrefix(relative, "..") {
		return absolute, nil //nolint:nilerr // a path that is not below the folder is written out
	}
	return relative, nil
}
