package console

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

//go:embed *.html *.css *.js
var assets embed.FS

// Config of a Console.
type Config struct {
	Target  string
	Issuer  string
	Journal Reader
	// Intervals is how often each probe runs; probes not in it are not shown.
	Intervals map[string]time.Duration
	// RunsDir holds the evidence and reports of runs, a folder each.
	RunsDir string
	// Past is what history knows; nil where it is not shown.
	Past Past
	Live Live
	// Reviews are the pictures of pages; nil where they are not shown.
	Reviews Reviews
	// Decisions lets people decide about pictures on their pages: whoever can open
	// the console can then approve. Hosts are the names under which they may, besides
	// addresses and localhost.
	Decisions bool
	Hosts     []string
	Log       *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Console serves the page, its JSON and the reports.
type Console struct {
	cfg        Config
	projection *projection
	page       *template.Template
	runs       *runFiles
	mux        *http.ServeMux
}

// New makes the console.
func New(cfg Config) (*Console, error) {
	if cfg.Journal == nil || cfg.Log == nil {
		return nil, errors.New("console needs a journal and a log")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	page, err := template.New("page.html").Funcs(functions()).ParseFS(assets, "*.html")
	if err != nil {
		return nil, fmt.Errorf("parse page of console: %w", err)
	}
	runs, err := openRunFiles(cfg.RunsDir)
	if err != nil {
		return nil, err
	}
	c := &Console{cfg: cfg, page: page, runs: runs, projection: newProjection(cfg.Journal, cfg.Target, cfg.Log), mux: http.NewServeMux()}
	c.mux.HandleFunc("GET /{$}", c.servePage)
	c.mux.HandleFunc("GET /api/v1/summary", c.serveSummary)
	c.mux.HandleFunc("GET /probes/{probe}", c.serveHistory(false))
	c.mux.HandleFunc("GET /api/v1/probes/{probe}", c.serveHistory(true))
	c.mux.HandleFunc("GET /assets/{name}", serveAsset)
	c.mux.Handle("GET /runs/", http.StripPrefix("/runs/", runs))
	if cfg.Reviews != nil {
		c.routeReviews()
	}
	return c, nil
}

// Use shows other probes from now on, and another issuer.
func (c *Console) Use(issuer string, intervals map[string]time.Duration) {
	c.projection.mu.Lock()
	defer c.projection.mu.Unlock()
	c.cfg.Issuer, c.cfg.Intervals = issuer, intervals
}

func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	c.mux.ServeHTTP(w, r)
}

func (c *Console) servePage(w http.ResponseWriter, r *http.Request) {
	summary, err := c.summarise(r.Context(), c.cfg.Now())
	if err != nil {
		c.refuse(w, r, err)
		return
	}
	var page bytes.Buffer
	if err := c.page.Execute(&page, summary); err != nil {
		c.refuse(w, r, fmt.Errorf("render page: %w", err))
		return
	}
	c.send(w, r, "text/html; charset=utf-8", page.Bytes())
}

func (c *Console) serveSummary(w http.ResponseWriter, r *http.Request) {
	summary, err := c.summarise(r.Context(), c.cfg.Now())
	if err != nil {
		c.refuse(w, r, err)
		return
	}
	encoded, err := json.Marshal(summary)
	if err != nil {
		c.refuse(w, r, fmt.Errorf("encode summary: %w", err))
		return
	}
	c.send(w, r, "application/json", append(encoded, '\n'))
}

func serveAsset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if strings.HasSuffix(name, ".html") {
		http.NotFound(w, r)
		return
	}
	http.ServeFileFS(w, r, assets, name)
}

func (c *Console) send(w http.ResponseWriter, r *http.Request, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	if _, err := w.Write(body); err != nil {
		c.cfg.Log.DebugContext(r.Context(), "the reader left before the answer", "error", err)
	}
}

func (c *Console) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return
	}
	c.cfg.Log.ErrorContext(r.Context(), "the console cannot show the journal", "error", err)
	http.Error(w, "The journal cannot be read: "+err.Error(), http.StatusServiceUnavailable)
}
