//go:build interop

package ui

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/prometheus/client_golang/prometheus"

	"tocsin/system/identity/session"
	"tocsin/system/identity/transaction"
	"tocsin/system/page"
)

// These tests look at the pages in a real Chromium, with axe-core as the judge
// of accessibility. AXE_CORE is the path of its axe.min.js. With
// UI_SCREENSHOTS, a folder, they leave pictures for people there.

// desk is a browser in front of the pages.
type desk struct {
	tab  context.Context
	site *httptest.Server
	up   *upstream

	mu         sync.Mutex
	complaints []string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{up: newUpstream()}
	pages := newPages(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.up.ServeHTTP(w, r) }))
	handler := pages.handler(prometheus.NewRegistry())
	d.site = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/begin": // as the authorization endpoint does
			http.SetCookie(w, transaction.Cookie(tx, "state1", time.Minute))
			setCookie(w, linkCookie+tx, "", -time.Second)
			setCookie(w, session.Cookie, "s1", 0)
			http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusSeeOther)
		case "/favicon.ico":
			w.WriteHeader(http.StatusNoContent)
		default:
			handler.ServeHTTP(w, r)
		}
	}))
	d.start(t)
	return d
}

func (d *desk) start(t *testing.T) {
	t.Helper()
	path := os.Getenv("TOCSIN_CHROMIUM")
	if path == "" {
		var err error
		// Not what is in the PATH: that is a script, which would be all that is ended.
		path, err = exec.LookPath("/usr/lib/chromium/chromium-headless-shell")
		if err != nil {
			t.Fatal("needs Chromium: sudo apt-get install chromium-headless-shell")
		}
	}
	scratch, err := os.MkdirTemp("/tmp", "ui-chromium-") //nolint:usetesting // it holds a socket, for whose path t.TempDir may be too long
	if err != nil {
		t.Fatal(err)
	}
	allocator, stopAllocator := chromedp.NewExecAllocator(t.Context(),
		chromedp.ExecPath(path), chromedp.UserDataDir(filepath.Join(scratch, "profile")), chromedp.Env("TMPDIR="+scratch),
		chromedp.Headless, chromedp.NoFirstRun, chromedp.IgnoreCertErrors, chromedp.DisableGPU,
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("accept-lang", "en"),
	)
	tab, stopTab := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		stopTab()
		stopAllocator()
		if err := os.RemoveAll(scratch); err != nil {
			t.Error(err)
		}
	})
	d.tab = tab
	err = chromedp.Listen(tab, func(event any) {
		entry, is := event.(*log.EventEntryAdded)
		if !is || strings.Contains(entry.Entry.Text, "status of 4") || strings.Contains(entry.Entry.Text, "status of 5") {
			return // that an error page has its status is no complaint
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.complaints = append(d.complaints, entry.Entry.Text)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// complained returns what the browser said of the pages since last asked, such
// as that the content security policy forbids something on them.
func (d *desk) complained() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	said := d.complaints
	d.complaints = nil
	return said
}

func (d *desk) do(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(d.tab, 30*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// act runs a script that leads to another page and waits for that.
func (d *desk) act(t *testing.T, script string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(d.tab, 30*time.Second)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.Evaluate[chromedp.Void](script)); err != nil {
		t.Fatalf("%s: %v", script, err)
	}
}

func evaluate[T any](t *testing.T, d *desk, script string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(d.tab, time.Minute)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, func(p *runtime.EvaluateParams) {
		wait := true
		p.AwaitPromise = &wait
	}))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func look(width int64, scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: width, Height: 800, DeviceScaleFactor: 1,
		})
		if err != nil {
			return err
		}
		_, err = cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
		})
		return err
	})
}

// set brings the browser to a scene in a language.
func (d *desk) set(t *testing.T, s scene, language string) {
	t.Helper()
	d.up = newUpstream()
	if s.prepare != nil {
		s.prepare(d.up)
	}
	separator := "?"
	if strings.Contains(s.path, "?") {
		separator = "&"
	}
	to := s.path + separator + "ui_locales=" + language
	d.do(t, chromedp.Navigate(d.site.URL+"/begin?to="+url.QueryEscape(to)))
	if s.act != "" {
		d.act(t, s.act)
	}
	if s.name == "otp-code-wrong" {
		d.act(t, `document.querySelector('[name=otp]').value = '1'; document.querySelector('main button').click()`)
	}
}

// violation is one finding of axe-core.
type violation struct {
	ID     string `json:"id"`
	Impact string `json:"impact"`
	Help   string `json:"help"`
	Nodes  []struct {
		HTML string `json:"html"`
	} `json:"nodes"`
}

// TestAccessibility: axe-core finds nothing on any page, in any state,
// language and colour scheme, on a desk and on a small phone; nothing has to
// be scrolled sideways; and the policy forbids nothing that a page needs.
func TestAccessibility(t *testing.T) {
	axe, err := os.ReadFile(os.Getenv("AXE_CORE"))
	if err != nil {
		t.Fatalf("AXE_CORE must be the path of axe.min.js: %v", err)
	}
	d := newDesk(t)
	for _, language := range page.Languages() {
		for _, s := range scenes() {
			t.Run(language+"/"+s.name, func(t *testing.T) {
				d.set(t, s, language)
				evaluate[bool](t, d, string(axe)+"; true")
				for _, view := range screens(language) {
					d.do(t, look(view.width, view.scheme))
					if wide := evaluate[int64](t, d, `document.documentElement.scrollWidth`); wide > view.width {
						t.Errorf("%d pixels wide on a screen of %d", wide, view.width)
					}
					for _, found := range d.axe(t) {
						t.Errorf("%s, %d pixels: %s (%s): %s %.300s", view.scheme, view.width, found.ID, found.Impact, found.Help, found.Nodes[0].HTML)
					}
					d.picture(t, fmt.Sprintf("%s-%s-%s-%d.png", s.name, language, view.scheme, view.width), view.width)
				}
				for _, complaint := range d.complained() {
					t.Errorf("the browser says: %s", complaint)
				}
			})
		}
	}
}

// size is how a page is looked at.
type size struct {
	scheme string
	width  int64
}

// screens returns the sizes to look at pages in: all of them in the first
// language, each theme and width once in the others.
func screens(language string) []size {
	all := []size{{"light", 1280}, {"dark", 320}, {"light", 320}, {"dark", 1280}}
	if language != page.Languages()[0] {
		return all[:2]
	}
	return all
}

func (d *desk) axe(t *testing.T) []violation {
	t.Helper()
	text := evaluate[string](t, d, `axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify(r.violations))`)
	var found []violation
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		t.Fatal(err)
	}
	return found
}

func (d *desk) picture(t *testing.T, name string, width int64) {
	t.Helper()
	folder := os.Getenv("UI_SCREENSHOTS")
	if folder == "" {
		return
	}
	height := evaluate[int64](t, d, `document.documentElement.scrollHeight`)
	ctx, cancel := context.WithTimeout(d.tab, 30*time.Second)
	defer cancel()
	size := chromedp.EmulateViewport(width, height)
	if err := chromedp.Do(ctx, size); err != nil {
		t.Fatal(err)
	}
	taken, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name), taken, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestWalletPageGoesOnByItself: the script asks, and follows the answer.
func TestWalletPageGoesOnByItself(t *testing.T) {
	d := newDesk(t)
	d.set(t, scene{path: "/ui/login?tx=" + tx + "&by=wallet"}, "en")
	view := login()
	view.Authenticated = true
	d.up.set("/login/view", answer{200, view})
	d.up.set("/login/wallet/status", answer{503, nil})
	d.do(t, chromedp.WaitVisible(chromedp.CSS(".wallet .qr")))
	d.up.set("/login/wallet/status", answer{200, Next{State: "state2", Session: "s2"}})
	d.do(t, chromedp.WaitVisible(chromedp.CSS(`input[name="claims"]`)))
	for _, complaint := range d.complained() {
		t.Errorf("the browser says: %s", complaint)
	}
}

// TestKeyboardAlone: a person logs in without a mouse.
func TestKeyboardAlone(t *testing.T) {
	d := newDesk(t)
	view := login()
	view.Authenticated = true
	d.set(t, scene{path: "/ui/login?tx=" + tx, prepare: func(u *upstream) {
		u.set("/login/pin", refused(422, "mismatch"))
	}}, "en")
	d.do(t, chromedp.Focus(chromedp.CSS("#pin")), chromedp.KeyEvent("1\r"), chromedp.WaitVisible(chromedp.CSS("#problem")))
	if focused := evaluate[string](t, d, `document.activeElement.id`); focused != "pin" {
		t.Errorf("after a wrong PIN the focus is at %q", focused)
	}
	d.up.set("/login/pin", answer{200, Next{State: "state2"}})
	d.up.set("/login/view", answer{200, view})
	d.do(t, chromedp.KeyEvent("5454\r"), chromedp.WaitVisible(chromedp.CSS(`input[name="claims"]`)))
	if got := d.up.asked(); got[len(got)-1] != "/login/view" || got[len(got)-2] != "/login/pin" {
		t.Errorf("provider was asked %v", got)
	}
}
