package console_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tocsin/internal/browser"
)

// desk is a person at the console, who has keys and a mouse.
type desk struct {
	t    *testing.T
	tab  context.Context
	site string

	mu         sync.Mutex
	complaints []string
}

func sitDown(t *testing.T, b *bench) *desk {
	t.Helper()
	site := httptest.NewServer(b.console)
	t.Cleanup(site.Close)
	chromium, err := browser.Start(t.Context(), browser.Options{})
	if err != nil {
		t.Fatal(err)
	}
	tab, err := chromium.Open(t.Context(), browser.TabOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := tab.Within(t.Context())
	t.Cleanup(func() {
		cancel()
		if err := tab.Close(); err != nil {
			t.Error(err)
		}
		if err := chromium.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &desk{t: t, tab: ctx, site: site.URL}
	if err := chromedp.Listen(ctx, d.heard); err != nil {
		t.Fatal(err)
	}
	d.motion("reduce")
	return d
}

// heard keeps what the browser complains of, such as that the policy of the
// page forbids something on it.
func (d *desk) heard(event any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch event := event.(type) {
	case *log.EventEntryAdded:
		if !strings.Contains(event.Entry.URL, "favicon") {
			d.complaints = append(d.complaints, event.Entry.Text)
		}
	case *runtime.EventExceptionThrown:
		d.complaints = append(d.complaints, event.ExceptionDetails.Text)
	}
}

// motion is whether the person wants less of it.
func (d *desk) motion(wanted string) {
	d.t.Helper()
	d.do(chromedp.EmulateViewport(1280, 800), chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: wanted}},
		})
		return err
	}))
}

func (d *desk) do(actions ...chromedp.Action[chromedp.Void]) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.tab, 30*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) open(path string) {
	d.t.Helper()
	d.do(chromedp.Navigate(d.site + path))
}

func (d *desk) press(keys string) {
	d.t.Helper()
	d.do(chromedp.KeyEvent(keys))
}

// leave presses keys that lead to another page, and waits for that.
func (d *desk) leave(keys, path string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.tab, 30*time.Second)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.KeyEvent(keys)); err != nil {
		d.t.Fatalf("%q leads nowhere: %v", keys, err)
	}
	d.sees(`location.pathname + location.search`, path)
}

// sees waits until a script says what is wanted.
func (d *desk) sees(script, want string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.tab, 30*time.Second)
	defer cancel()
	wait := fmt.Sprintf(`new Promise((done) => { const look = () => { const seen = String(%s); if (seen === %q) done(seen); else setTimeout(look, 20); }; look(); })`, script, want)
	_, err := chromedp.Run(ctx, chromedp.Evaluate[string](wait, func(p *runtime.EvaluateParams) {
		patient := true
		p.AwaitPromise = &patient
	}))
	if err == nil {
		return
	}
	got, now := chromedp.Run(d.tab, chromedp.Evaluate[string](`String(`+script+`)`))
	d.t.Fatalf("%s is %q, want %q (%v, %v)", script, got, want, err, now)
}

const (
	viewOf    = `document.querySelector(".viewer").dataset.view`
	shownOf   = `document.querySelector(".stack .shot").dataset.shows`
	focusOf   = `document.activeElement.name || document.activeElement.id || document.activeElement.tagName`
	cutOf     = `document.querySelector("#left rect").getAttribute("width")`
	playingOf = `document.querySelector("[data-act=play]").getAttribute("aria-pressed")`
	visibleOf = `Array.from(document.querySelectorAll(".picture:not([hidden]) h3 a"), (a) => a.pathname).join(" ")`
)

func TestPicturesAreReviewedByKeysAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	b, f := reviewing(t, true)
	d := sitDown(t, b)

	d.open("/visual")
	d.press("/")
	d.sees(focusOf, "q")
	d.press("fail dark")
	d.sees(visibleOf, "/visual/"+wrongPIN)
	d.press(kb.Escape)
	d.sees(`document.querySelectorAll(".picture:not([hidden])").length`, "7")
	d.press(kb.Escape + "jj")
	d.sees(`document.activeElement.pathname`, "/visual/"+wrongPIN)
	d.press("k")
	d.leave(kb.Enter, "/visual/consent")

	d.leave("j", "/visual/"+wrongPIN)
	d.leave("k", "/visual/consent")
	compares(d)

	d.press("?")
	d.sees(`document.getElementById("keys").open`, "true")
	d.press(kb.Escape)
	d.sees(`document.getElementById("keys").open`, "false")

	// Approve: the letter of the key is not in the field, and Escape leaves.
	d.press("a")
	d.sees(focusOf, "by")
	d.press("Kari Nordmann" + kb.Escape)
	d.sees(focusOf, "BODY")
	d.sees(`document.querySelector("#decision :checked")`, "null")
	d.press("a")
	d.sees(focusOf, "reason")
	d.press(kb.Enter) // There is no reason yet, so nothing is sent.
	d.press("new words")
	d.sees(`document.querySelector("#decision .decide").textContent`, "Approve this picture")
	d.leave(kb.Enter, "/visual/"+wrongPIN+"?decided=consent")

	// Reject: the name is remembered, the reason is not.
	d.press("r")
	d.sees(focusOf, "reason")
	d.sees(`document.activeElement.value`, "")
	d.press("it shows an error")
	d.leave(kb.Enter, "/visual/otp?decided="+wrongPIN)
	d.leave("gg", "/visual")

	all := f.decisions()
	if len(all) != 2 || !all[0].Approve || all[0].By != "Kari Nordmann" || all[0].Reason != "new words" || all[0].SHA256 != "sha-of-consent" || all[1].Approve || all[1].By != "Kari Nordmann" || all[1].Reason != "it shows an error" {
		t.Errorf("%+v", all)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.complaints) > 0 {
		t.Errorf("the browser complains: %q", d.complaints)
	}
}

// compares goes through the ways to compare two pictures.
func compares(d *desk) {
	d.t.Helper()
	d.press("2")
	d.sees(viewOf, "slider")
	d.sees(cutOf, "30")
	d.press(kb.ArrowRight)
	d.sees(cutOf, "30.3")
	d.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		left, err := chromedp.Evaluate[[]float64](`(() => { const box = document.querySelector(".stack .shot").getBoundingClientRect(); return [box.left + box.width / 4, box.top + 5]; })()`)(ctx, tab)
		if err != nil {
			return err
		}
		_, err = chromedp.MouseClickXY(left[0], left[1])(ctx, tab)
		return err
	}))
	d.sees(`Math.round(`+cutOf+`)`, "15")

	// Who wants less motion turns it by hand.
	d.press("f")
	d.sees(viewOf, "flicker")
	d.sees(playingOf, "false")
	d.sees(shownOf, "now")
	d.press(" ")
	d.sees(shownOf, "before")
	d.sees(`getComputedStyle(document.querySelector(".stack .layer.now")).visibility`, "hidden")
	d.press(" ")
	d.sees(shownOf, "now")
	d.motion("no-preference")
	d.press("13")
	d.sees(playingOf, "true")
	d.sees(shownOf, "before")
	d.press(" ")
	d.sees(playingOf, "false")

	d.press("4")
	d.sees(`getComputedStyle(document.querySelector(".pane.difference")).display`, "grid")
	d.sees(`getComputedStyle(document.querySelector(".pane.now")).display`, "none")
	d.press("n")
	d.sees(`document.getElementById("region").textContent`, "1 of 2: 20 × 10 px at 2, 4")
	d.press("n")
	d.sees(`document.getElementById("region").textContent`, "2 of 2: 9 × 7 px at 5, 30")
	d.press("p")
	d.sees(`document.querySelectorAll(".difference .box.current").length + " " + document.querySelector(".box.current").dataset.region`, "1 0")
	d.press("b")
	d.sees(`getComputedStyle(document.querySelector(".difference .boxes")).display`, "none")
	d.press("z+")
	d.sees(`document.querySelector(".difference .shot").clientWidth`, "120")
	d.press("z1")
	d.sees(`document.getElementById("zoom").value`, "fit")
	d.sees(viewOf, "side")
}
