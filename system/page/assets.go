package page

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
)

//go:embed assets/*
var assetFiles embed.FS

// asset is one file that pages refer to.
type asset struct {
	content     []byte
	contentType string
	version     string // of the content
}

func loadAssets() (map[string]*asset, error) {
	entries, err := fs.ReadDir(assetFiles, "assets")
	if err != nil {
		return nil, fmt.Errorf("list assets: %w", err)
	}
	assets := map[string]*asset{}
	for _, entry := range entries {
		content, err := fs.ReadFile(assetFiles, "assets/"+entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read asset: %w", err)
		}
		contentType, known := contentTypes()[path.Ext(entry.Name())]
		if !known {
			return nil, fmt.Errorf("asset %s: type is not known", entry.Name())
		}
		hash := sha256.Sum256(content)
		assets[entry.Name()] = &asset{content: content, contentType: contentType, version: hex.EncodeToString(hash[:8])}
	}
	return assets, nil
}

func contentTypes() map[string]string {
	return map[string]string{
		".css": "text/css; charset=utf-8",
		".js":  "text/javascript; charset=utf-8",
		".svg": "image/svg+xml",
	}
}

// Assets serves style sheet, script and images below base/assets/.
func (s *Set) Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, found := s.assets[path.Base(r.URL.Path)]
		if !found || r.URL.Path != s.base+"/assets/"+path.Base(r.URL.Path) {
			s.Error(w, http.StatusNotFound, "", Failure{Kind: NotFound})
			return
		}
		header := w.Header()
		Harden(header)
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		// While versions change, a page of one may ask another for its files.
		// What does not have the version asked for must not be kept as if it did.
		header.Set("Cache-Control", "no-cache")
		if r.URL.Query().Get("v") == file.version {
			header.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		tag := strconv.Quote(file.version)
		header.Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		header.Set("Content-Type", file.contentType)
		header.Set("Content-Length", strconv.Itoa(len(file.content)))
		if _, err := w.Write(file.content); err != nil {
			s.log.Debug("write asset", "error", err)
		}
	})
}
