package capture

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"tocsin/visual/baseline"
	"tocsin/visual/compare"
)

// Environment is all that changes the pixels of a page that did not change: the
// browser, the machine with its fonts, and how the page is seen. Fonts is what
// FontsHash says.
func Environment(chromium, fonts string, request Request) baseline.Environment {
	view := request.View.Complete()
	found := baseline.Environment{
		Chromium: chromium, Machine: Machine(), Fonts: fonts, Viewport: fmt.Sprintf("%dx%d", view.Width, view.Height), Scale: view.Scale,
		Scheme: view.Scheme, Locale: view.Locale, Timezone: view.Timezone, Metric: string(compare.YIQ), Masks: request.Masks,
	}
	if view.Mobile {
		found.Viewport += " mobile"
	}
	if request.Viewport {
		found.Viewport += " without scrolling"
	}
	if request.Element != "" {
		found.Viewport += " " + request.Element
	}
	if view.ReducedMotion {
		found.Motion = "reduced"
	}
	if !view.Frozen.IsZero() {
		found.Clock = view.Frozen.UTC().Format(time.RFC3339)
	}
	return found
}

// Machine names the operating system and its processor, which set text each in
// a way of its own.
func Machine() string {
	return fmt.Sprintf("%s, %s/%s", system("/etc/os-release"), runtime.GOOS, runtime.GOARCH)
}

// system reads the name of the system (os-release(5)).
func system(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown system"
	}
	for line := range strings.Lines(string(text)) {
		if name, found := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); found {
			return strings.Trim(name, `"'`)
		}
	}
	return "unknown system"
}
