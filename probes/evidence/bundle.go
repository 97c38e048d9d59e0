package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"io/fs"
	"slices"
	"tocsin/internal/verdict"
	"tocsin/probes"
)

// manifest is the file by which a folder is known to hold evidence.
const manifest = "evidence.json"

// Bundle is the evidence of one run as its manifest describes it.
type Bundle struct {
	RunID        string          `json:"run_id"`
	TraceID      string          `json:"trace_id"`
	Probe        string          `json:"probe"`
	Target       string          `json:"target"`
	Checkpoint   string          `json:"checkpoint,omitempty"`
	Verdict      verdict.Verdict `json:"verdict"`
	Reason       verdict.Reason  `json:"reason"`
	Detail       string          `json:"detail"`
	FailedStep   string          `json:"failed_step"`
	Started      time.Time       `json:"started"`
	Repeat       Repeat          `json:"repeat"`
	Certificates []certificate   `json:"certificates,omitempty"`
	Result       probes.Result   `json:"result"`
	// LastGood is the newest run of the probe that passed, if one is known.
	LastGood *probes.Result `json:"last_good,omitempty"`
	Files    []string       `json:"files"`
	// Withheld says why the exchanges are not kept, where they are not.
	Withheld string `json:"withheld,omitempty"`
}

// file is one file of a bundle.
type file struct {
	name string
	data []byte
}

// plainName is what a file of a bundle may be called.
var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,80}$`)

// build renders the files of a bundle, the manifest and the page last.
func build(r *Redactor, b *Bundle, exchanges []probes.Exchange, artifacts []probes.Artifact, limit int) ([]file, error) {
	var files []file
	total := 0
	add := func(name string, data []byte) {
		if len(data) == 0 || !plainName.MatchString(name) || total+len(data) > limit {
			return
		}
		total += len(data)
		files = append(files, file{name, data})
		b.Files = append(b.Files, name)
	}
	list, text, err := chains(exchanges)
	if err != nil {
		return nil, err
	}
	b.Certificates = list
	add("chain.pem", text)
	if b.Withheld == "" {
		har, err := archive(r, exchanges)
		if err != nil {
			return nil, err
		}
		add("exchanges.har", har)
		for _, artifact := range artifacts {
			add(artifact.Name, harmless(r, artifact))
		}
	}
	page, err := render(b)
	if err != nil {
		return nil, err
	}
	add("index.html", page)
	described, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode evidence: %w", err)
	}
	return append(files, file{manifest, append(described, '\n')}), nil
}

// harmless takes secrets out of an artifact that is text. Pictures are kept as
// they are: browsers show secrets as dots.
func harmless(r *Redactor, a probes.Artifact) []byte {
	if a.MediaType == "image/png" || a.MediaType == "image/jpeg" {
		return a.Data
	}
	return []byte(r.body(a.MediaType, a.Data))
}

// write puts files into folder so that it appears whole or not at all: the
// manifest, by which evidence is known, is there last where the folder was there
// already, with pictures of the same run.
func write(folder string, files []file) (err error) {
	parent := filepath.Dir(folder)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return fmt.Errorf("make folder of evidence: %w", err)
	}
	making, err := os.MkdirTemp(parent, ".evidence-")
	if err != nil {
		return fmt.Errorf("make folder of evidence: %w", err)
	}
	// After the renaming there is nothing left to remove.
	defer func() { err = errors.Join(err, os.RemoveAll(making)) }()
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(making, f.name), f.data, 0o600); err != nil {
			return fmt.Errorf("write evidence: %w", err)
		}
	}
	err = os.Rename(making, folder)
	if !errors.Is(err, fs.ErrExist) {
		if err != nil {
			return fmt.Errorf("keep evidence: %w", err)
		}
		return nil
	}
	last := func(f file) int {
		if f.name == manifest {
			return 1
		}
		return 0
	}
	for _, f := range slices.SortedStableFunc(slices.Values(files), func(a, b file) int { return last(a) - last(b) }) {
		if err := os.Rename(filepath.Join(making, f.name), filepath.Join(folder, f.name)); err != nil {
			return fmt.Errorf("keep evidence: %w", err)
		}
	}
	return nil
}
