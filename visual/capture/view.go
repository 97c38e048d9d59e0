package capture

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"tocsin/visual/compare"
)

// What a picture is taken with where nobody says otherwise, and its bounds. The
// height is the least one: a longer page is pictured whole.
const (
	Width     = 1280
	Height    = 800
	MaxHeight = 10000
	Scale     = 1
	Locale    = "en-US"
	Timezone  = "UTC"
)

// The colour schemes.
const (
	Light = "light"
	Dark  = "dark"
)

// View is all that a page can see of the machine, and with it of the person.
// The zero View is a desktop.
type View struct {
	// Width and Height of the viewport, in CSS pixels.
	Width, Height int
	// Scale is how many pixels of the picture a CSS pixel is wide: 1 to 4.
	Scale float64
	// Mobile is a telephone: it has touch, and obeys the viewport that a page
	// asks for.
	Mobile bool
	// Scheme is Light or Dark.
	Scheme string
	// Locale is a BCP 47 tag. The page is told it as the language of the
	// person, and decides on its direction by itself.
	Locale string
	// Timezone is a name of the time zone database.
	Timezone string
	// ReducedMotion is what a person who cannot bear motion has chosen.
	ReducedMotion bool
	// Frozen is what the page's clock says all the time; zero for a clock that
	// goes. Its timers go on.
	Frozen time.Time
}

// Complete is the view with what was left out.
func (v View) Complete() View {
	if v.Width == 0 {
		v.Width = Width
	}
	if v.Height == 0 {
		v.Height = Height
	}
	if v.Scale == 0 {
		v.Scale = Scale
	}
	if v.Scheme == "" {
		v.Scheme = Light
	}
	if v.Locale == "" {
		v.Locale = Locale
	}
	if v.Timezone == "" {
		v.Timezone = Timezone
	}
	return v
}

// Check says what is wrong with a view.
func (v View) Check() error {
	v = v.Complete()
	switch {
	case v.Width < 200 || v.Width > 4000 || v.Height < 200 || v.Height > 4000:
		return fmt.Errorf("viewport %d×%d is not between 200×200 and 4000×4000", v.Width, v.Height)
	case v.Scale < 1 || v.Scale > 4:
		return fmt.Errorf("scale %g is not between 1 and 4", v.Scale)
	case v.Scheme != Light && v.Scheme != Dark:
		return fmt.Errorf("scheme %q is not light or dark", v.Scheme)
	}
	if _, err := time.LoadLocation(v.Timezone); err != nil {
		return fmt.Errorf("time zone %q is not known", v.Timezone)
	}
	return nil
}

// String names a view for people and files, by what is not as usual.
func (v View) String() string {
	v = v.Complete()
	parts := []string{fmt.Sprintf("%dx%d", v.Width, v.Height)}
	if v.Scale != Scale {
		parts = append(parts, fmt.Sprintf("@%g", v.Scale))
	}
	if v.Mobile {
		parts = append(parts, "mobile")
	}
	if v.Scheme != Light {
		parts = append(parts, v.Scheme)
	}
	if v.Locale != Locale {
		parts = append(parts, v.Locale)
	}
	if v.ReducedMotion {
		parts = append(parts, "reduced-motion")
	}
	return strings.Join(parts, " ")
}

// maxHeight is how long a page is pictured, in CSS pixels: no picture has more
// pixels than can be compared.
func (v View) maxHeight() int {
	perRow := float64(v.Width) * v.Scale * v.Scale
	return min(MaxHeight, int(compare.MaxPixels/perRow))
}

//go:embed frozen.js
var frozenScript string

// emulate sets what a page can see of the machine.
func (v View) emulate() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		motion := "no-preference"
		if v.ReducedMotion {
			motion = "reduce"
		}
		for _, set := range []struct {
			what string
			call func() error
		}{
			{"viewport", func() error { return v.size(ctx, tab, v.Height) }},
			{"time zone", command(ctx, tab, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: v.Timezone})},
			{"locale", command(ctx, tab, emulation.SetLocaleOverride, emulation.SetLocaleOverrideParams{Locale: v.Locale})},
			{"focus", command(ctx, tab, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})},
			{"scrollbars", command(ctx, tab, emulation.SetScrollbarsHidden, emulation.SetScrollbarsHiddenParams{Hidden: true})},
			{"touch", command(ctx, tab, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: v.Mobile})},
			{"media", command(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: v.Scheme}, {Name: "prefers-reduced-motion", Value: motion},
			}})},
			{"language", func() error { return v.speak(ctx, tab) }},
			{"clock", func() error { return v.freeze(ctx, tab) }},
		} {
			if err := set.call(); err != nil {
				return fmt.Errorf("set %s: %w", set.what, err)
			}
		}
		return nil
	})
}

// command is a call whose answer says nothing.
func command[P, R any](ctx context.Context, tab *chromedp.Target, method cdp.Command[P, R], params P) func() error {
	return func() error {
		_, err := cdp.Call(ctx, tab, method, params)
		return err
	}
}

// size sets the viewport.
func (v View) size(ctx context.Context, tab *chromedp.Target, height int) error {
	_, err := cdp.Call(ctx, tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: int64(v.Width), Height: int64(height), DeviceScaleFactor: v.Scale, Mobile: v.Mobile,
	})
	return err
}

// speak sets the language that servers are asked for, if it is not that of the
// browser.
func (v View) speak(ctx context.Context, tab *chromedp.Target) error {
	if v.Locale == Locale {
		return nil
	}
	agent, err := chromedp.Evaluate[string]("navigator.userAgent")(ctx, tab)
	if err != nil {
		return err
	}
	_, err = cdp.Call(ctx, tab, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent, AcceptLanguage: v.Locale})
	return err
}

// freeze stops the clock of every page of the tab, before its own scripts run.
func (v View) freeze(ctx context.Context, tab *chromedp.Target) error {
	if v.Frozen.IsZero() {
		return nil
	}
	_, err := cdp.Call(ctx, tab, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: fmt.Sprintf("(%s)(%d)", strings.TrimSpace(frozenScript), v.Frozen.UnixMilli()),
	})
	return err
}

// ceil is a length in whole pixels.
func ceil(length float64) int { return int(math.Ceil(length)) }
