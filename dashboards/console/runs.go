package console

import (
	"errors"
	"fmt"
	"image/png"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strings"
)

// runFiles serves reports and evidence. It never leaves its folder, not even
// through a symbolic link, and lists no folder.
type runFiles struct{ root *os.Root }

func openRunFiles(folder string) (*runFiles, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("open folder of runs: %w", err)
	}
	return &runFiles{root: root}, nil
}

func (f *runFiles) has(name string) bool {
	info, err := f.root.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// shot looks at the picture at an address below /runs/. It is empty where there
// is none any more, or none that a browser would show.
func (f *runFiles) shot(address string) Shot {
	name, below := strings.CutPrefix(address, "/runs/")
	if !below || !fs.ValidPath(name) {
		return Shot{}
	}
	file, err := f.root.Open(name)
	if err != nil {
		return Shot{}
	}
	header, err := png.DecodeConfig(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return Shot{}
	}
	return Shot{Address: address, Width: header.Width, Height: header.Height}
}

func (f *runFiles) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	if !fs.ValidPath(name) || !f.has(name) {
		http.Error(w, "there is no such file of a run", http.StatusNotFound)
		return
	}
	// Reports carry their style and pictures within.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	http.ServeFileFS(w, r, f.root.FS(), name)
}
