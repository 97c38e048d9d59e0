package baseline

import (
	"fmt"
	"slices"
	"strings"
)

// Environment is all that changes the pixels of a page that did not change.
type Environment struct {
	Chromium string `json:"chromium"`
	// Machine is the operating system and its processor.
	Machine string `json:"machine,omitempty"`
	// Fonts is the hash of the machine's fonts and their versions.
	Fonts    string  `json:"fonts"`
	Viewport string  `json:"viewport"`
	Scale    float64 `json:"scale"`
	// Scheme is the colour scheme, dark or light; Motion is reduced where the
	// person wants it so, and Clock what a frozen one says.
	Scheme   string `json:"scheme,omitempty"`
	Motion   string `json:"motion,omitempty"`
	Clock    string `json:"clock,omitempty"`
	Locale   string `json:"locale"`
	Timezone string `json:"timezone"`
	// Metric is the version of the colour metric that judges.
	Metric string   `json:"metric"`
	Masks  []string `json:"masks,omitempty"`
}

// Differences names what differs between two environments, for people. Two
// pictures compare only when it is empty.
func (e Environment) Differences(now Environment) []string {
	var found []string
	note := func(name, then, now string) {
		if then != now {
			found = append(found, fmt.Sprintf("%s %s, now %s", name, orNone(then), orNone(now)))
		}
	}
	note("browser", e.Chromium, now.Chromium)
	note("machine", e.Machine, now.Machine)
	note("colour scheme", e.Scheme, now.Scheme)
	note("motion", e.Motion, now.Motion)
	note("clock", e.Clock, now.Clock)
	note("fonts", short(e.Fonts), short(now.Fonts))
	note("viewport", e.Viewport, now.Viewport)
	note("scale", fmt.Sprint(e.Scale), fmt.Sprint(now.Scale))
	note("locale", e.Locale, now.Locale)
	note("time zone", e.Timezone, now.Timezone)
	note("metric", e.Metric, now.Metric)
	if !slices.Equal(e.Masks, now.Masks) {
		note("masks", strings.Join(e.Masks, " "), strings.Join(now.Masks, " "))
	}
	return found
}

// short keeps of a hash what a person compares.
func short(hash string) string { return hash[:min(len(hash), 12)] }

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
