package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets/*
var assetFiles embed.FS

// Kind tells what an error page is about.
type Kind string

// The kinds of error page.
const (
	Unavailable Kind = "unavailable"
	BadRequest  Kind = "bad_request"
	Gone        Kind = "gone"
	Foreign     Kind = "foreign"
	Locked      Kind = "locked"
	NotFound    Kind = "not_found"
)

// Kinds returns all kinds.
func Kinds() []Kind { return []Kind{Unavailable, BadRequest, Gone, Foreign, Locked, NotFound} }

// Failure is what an error page tells.
type Failure struct {
	Kind Kind
	// Detail is for the developers of the client; may be empty.
	Detail string
	// Retry is a page to try again, Back one at the client; both may be empty.
	Retry, Back string
}

// Login is what the login page shows.
type Login struct {
	Client       string
	Transaction  string
	CSRF         string
	IndividualID string
	Wrong        bool
	Locales      []string
	// FormTarget is where the form's redirects end, for the content security
	// policy: browsers apply form-action to redirects too.
	FormTarget string
}

// Consent is what the consent page shows.
type Consent struct {
	Client      string
	Transaction string
	CSRF        string
	Claims      []string
	Locales     []string
	FormTarget  string
}

// Set renders all pages below one path.
type Set struct {
	base    string
	texts   *Texts
	log     *slog.Logger
	pages   map[string]*template.Template
	version string
}

// NewSet returns the pages whose own links start with base, such as /ui.
func NewSet(base string, texts *Texts, log *slog.Logger) (*Set, error) {
	set := &Set{base: base, texts: texts, log: log, pages: map[string]*template.Template{}}
	for _, name := range []string{"login", "consent", "error"} {
		parsed, err := template.ParseFS(templateFiles, "templates/layout.html", "templates/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("parse page %s: %w", name, err)
		}
		set.pages[name] = parsed
	}
	style, err := assetFiles.ReadFile("assets/style.css")
	if err != nil {
		return nil, fmt.Errorf("read style sheet: %w", err)
	}
	hash := sha256.Sum256(style)
	set.version = hex.EncodeToString(hash[:6])
	return set, nil
}

// view is what every template sees.
type view struct {
	Base, Version, Language string
	Page                    any
	words                   words
}

// T returns the text of key with values in it.
func (v view) T(key string, values ...any) string {
	if len(values) == 0 {
		return v.words[key]
	}
	return fmt.Sprintf(v.words[key], values...)
}

// Login writes the login page; status is 200, or 422 after a wrong PIN.
func (s *Set) Login(w http.ResponseWriter, status int, page Login) {
	s.write(w, status, "login", page.Locales, page.FormTarget, page)
}

// Consent writes the consent page.
func (s *Set) Consent(w http.ResponseWriter, page Consent) {
	s.write(w, http.StatusOK, "consent", page.Locales, page.FormTarget, page)
}

// Error writes an error page in the best of locales, a space-separated list.
func (s *Set) Error(w http.ResponseWriter, status int, locales string, failure Failure) {
	s.write(w, status, "error", strings.Fields(locales), "", failure)
}

func (s *Set) write(w http.ResponseWriter, status int, name string, locales []string, target string, content any) {
	language, chosen := s.texts.choose(locales)
	var body bytes.Buffer
	err := s.pages[name].ExecuteTemplate(&body, "layout", view{
		Base: s.base, Version: s.version, Language: language, Page: content, words: chosen,
	})
	if err != nil {
		s.log.Error("page not rendered", "page", name, "error", err)
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Language", language)
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", policy(target))
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "same-origin") // addresses name the transaction
	w.WriteHeader(status)
	if _, err := body.WriteTo(w); err != nil {
		s.log.Debug("write page", "error", err)
	}
}

// policy is the content security policy: nothing but our own style and images,
// and forms that end here or at target.
func policy(target string) string {
	if parsed, err := url.Parse(target); err != nil || parsed.Scheme == "" || strings.ContainsAny(target, "; ,") {
		target = ""
	}
	forms := strings.TrimSpace("'self' " + target)
	return "default-src 'none'; style-src 'self'; img-src 'self'; form-action " + forms +
		"; frame-ancestors 'none'; base-uri 'none'"
}

// Assets serves style sheet and images below base/assets/.
func (s *Set) Assets() http.Handler {
	files := http.FileServerFS(assetFiles)
	return http.StripPrefix(s.base, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=86400")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		files.ServeHTTP(w, r)
	}))
}
