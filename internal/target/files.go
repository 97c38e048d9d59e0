package target

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"tocsin/internal/strictyaml"
)

// Files are those that the target is read from beside its own: keys, secrets,
// certificates. What Tocsin writes itself, what a journey reads anew each time,
// and what is only about how its pages look, is not among them.
func (t *Target) Files() []string {
	return strictyaml.Files(t, "rules_file", "config_file", "link_file", "checks_file")
}

// Fingerprint writes what tells the target apart from another state of itself:
// its values, and the contents of its files.
func (t *Target) Fingerprint(to io.Writer) error {
	if err := json.NewEncoder(to).Encode(t); err != nil {
		return fmt.Errorf("tell targets apart: %w", err)
	}
	return Contents(to, t.Files())
}

// Contents writes names and contents of files; one that is not there counts as
// that.
func Contents(to io.Writer, files []string) error {
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("tell files apart: %w", err)
		}
		// Lengths keep the end of one file apart from the start of the next.
		if _, err := fmt.Fprintf(to, "%q %v %d\n%s", path, err == nil, len(data), data); err != nil {
			return fmt.Errorf("tell files apart: %w", err)
		}
	}
	return nil
}
