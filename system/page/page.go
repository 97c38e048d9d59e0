package page

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// retryAfter is the advice, in seconds, of a page that says to try again.
const retryAfter = "1"

// maxKept bounds the buffers that are kept for the next page.
const maxKept = 64 << 10

// Set renders all pages below one path.
type Set struct {
	base   string
	texts  *Texts
	log    *slog.Logger
	assets map[string]*asset

	current   atomic.Pointer[editions]
	compiling sync.Mutex
	buffers   sync.Pool
}

// editions are the pages in all languages with the words of one catalog.
type editions struct {
	of         *catalog
	byLanguage map[string]*edition
}

// NewSet returns the pages whose own links start with base, such as /ui.
func NewSet(base string, texts *Texts, log *slog.Logger) (*Set, error) {
	assets, err := loadAssets()
	if err != nil {
		return nil, err
	}
	set := &Set{base: base, texts: texts, log: log, assets: assets}
	set.buffers.New = func() any { return &bytes.Buffer{} }
	first, err := set.compile(texts.builtin)
	if err != nil {
		return nil, err
	}
	set.current.Store(first)
	return set, nil
}

func (s *Set) compile(from *catalog) (*editions, error) {
	fixed := map[string]string{"base": s.base}
	for key, name := range map[string]string{"asset.style": "style.css", "asset.emblem": "emblem.svg", "asset.wallet": "wallet.js"} {
		fixed[key] = s.base + "/assets/" + name + "?v=" + s.assets[name].version
	}
	made := &editions{of: from, byLanguage: map[string]*edition{}}
	for _, lang := range languages() {
		one, err := compile(lang, from.byLanguage[lang.Tag], fixed)
		if err != nil {
			return nil, fmt.Errorf("compile pages in %s: %w", lang.Tag, err)
		}
		made.byLanguage[lang.Tag] = one
	}
	return made, nil
}

// edition returns the pages in the best language for locales, with the words
// that hold now.
func (s *Set) edition(locales []string) *edition {
	tag, from := choose(locales), s.texts.refreshed(time.Now())
	if held := s.current.Load(); held.of == from {
		return held.byLanguage[tag]
	}
	s.compiling.Lock()
	defer s.compiling.Unlock()
	held := s.current.Load()
	if held.of == from {
		return held.byLanguage[tag]
	}
	made, err := s.compile(from)
	if err != nil {
		s.log.Error("pages not compiled with other words; the last good ones stay", "error", err)
		made = &editions{of: from, byLanguage: held.byLanguage}
	}
	s.current.Store(made)
	return made.byLanguage[tag]
}

// PIN writes the page that asks for id and PIN; status is 200, or 422 with a
// problem.
func (s *Set) PIN(w http.ResponseWriter, status int, page *PIN) {
	s.write(w, status, "pin", &page.Frame, page)
}

// OTP writes the page that asks whom to send a code.
func (s *Set) OTP(w http.ResponseWriter, status int, page *OTP) {
	s.write(w, status, "otp", &page.Frame, page)
}

// Code writes the page that asks for the code that was sent.
func (s *Set) Code(w http.ResponseWriter, status int, page *Code) {
	s.write(w, status, "code", &page.Frame, page)
}

// Wallet writes the page that waits for a wallet.
func (s *Set) Wallet(w http.ResponseWriter, page *Wallet) {
	s.write(w, http.StatusOK, "wallet", &page.Frame, page)
}

// Phone writes the page of the simulated wallet.
func (s *Set) Phone(w http.ResponseWriter, status int, page *Phone) {
	s.write(w, status, "phone", &page.Frame, page)
}

// Consent writes the consent page.
func (s *Set) Consent(w http.ResponseWriter, page *Consent) {
	s.write(w, http.StatusOK, "consent", &page.Frame, page)
}

// Logout writes the page before or after signing out.
func (s *Set) Logout(w http.ResponseWriter, page *Logout) {
	s.write(w, http.StatusOK, "logout", &page.Frame, page)
}

// Error writes an error page in the best of locales, a space-separated list.
// A 503 says when to come back, unless the caller has said it already.
func (s *Set) Error(w http.ResponseWriter, status int, locales string, failure Failure) {
	if status == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
		w.Header().Set("Retry-After", retryAfter)
	}
	frame := &Frame{Locales: strings.Fields(locales), Here: failure.Here, Asked: failure.Asked}
	s.write(w, status, "error", frame, &failure)
}

// content is a page that can be filled in.
type content interface {
	fill(v *view, in words)
}

func (s *Set) write(w http.ResponseWriter, status int, name string, frame *Frame, page content) {
	chosen := s.edition(frame.Locales)
	filled := &view{Here: switchable(frame.Here), Asked: frame.Asked}
	page.fill(filled, chosen.words)
	s.render(w, status, chosen, name, policy(frame.FormTarget, name == "wallet"), filled)
}

// switchable returns here so that the language can be added to it.
func switchable(here string) string {
	switch {
	case here == "":
		return ""
	case strings.Contains(here, "?"):
		return here + "&"
	}
	return here + "?"
}

func (s *Set) render(w http.ResponseWriter, status int, chosen *edition, name, csp string, filled *view) {
	body := s.buffers.Get().(*bytes.Buffer)
	defer func() {
		if body.Cap() <= maxKept {
			body.Reset()
			s.buffers.Put(body)
		}
	}()
	header := w.Header()
	Harden(header)
	header.Set("Cache-Control", "no-store")
	if err := chosen.pages[name].Execute(body, filled); err != nil {
		s.log.Error("page not rendered", "page", name, "error", err)
		header.Set("Content-Security-Policy", policy("", false))
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Language", chosen.Tag)
	header.Set("Content-Length", strconv.Itoa(body.Len()))
	header.Set("Content-Security-Policy", csp)
	w.WriteHeader(status)
	if _, err := w.Write(body.Bytes()); err != nil {
		s.log.Debug("write page", "error", err)
	}
}
