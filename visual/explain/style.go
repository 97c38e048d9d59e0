package explain

import (
	"fmt"
	"maps"
	"strings"

	"tocsin/visual/page"
)

// called is what people call a property.
func called(property string) string {
	names := map[string]string{
		"color": "text colour", "background-color": "background colour", "background-image": "background image",
		"border-top-color": "border colour", "border-top-width": "border width", "border-top-left-radius": "rounding",
		"font-family": "font", "font-size": "text size", "font-weight": "text weight", "font-style": "slant of the text",
		"text-align": "alignment", "text-transform": "capitals", "text-decoration-line": "underline", "box-shadow": "shadow",
		"direction": "direction of reading",
	}
	if known, ok := names[property]; ok {
		return known
	}
	return property
}

// styles compares what a person sees of an element's style. An inherited style
// that changed with the parent's is told there.
func (d *difference) styles(i, j int) {
	a, b := d.before.at(i), d.now.at(j)
	if maps.Equal(a.Style, b.Style) {
		return
	}
	for _, property := range page.Styles() {
		before, now := d.before.page.Style(i, property.Name), d.now.page.Style(j, property.Name)
		if before == now || property.Name == "border-top-color" && d.unseen(i, j) {
			continue
		}
		if property.Inherited && a.Parent >= 0 && b.Parent >= 0 &&
			d.before.page.Style(a.Parent, property.Name) == before && d.now.page.Style(b.Parent, property.Name) == now {
			continue
		}
		c := Change{Kind: Style, Path: b.Path, Box: b.Box, Before: colour(before), Now: colour(now), prominent: prominent(b)}
		d.add(c, "%s of %s changed from %s to %s", called(property.Name), d.now.name(b), orNone(c.Before), orNone(c.Now))
	}
}

// unseen reports an element without a border, whose colour nobody sees.
func (d *difference) unseen(i, j int) bool {
	const width, none = "border-top-width", "0px"
	return d.before.page.Style(i, width) == none && d.now.page.Style(j, width) == none
}

// colour writes an opaque colour as designers do; other values are shortened.
func colour(value string) string {
	var red, green, blue int
	if n, err := fmt.Sscanf(value, "rgb(%d, %d, %d)", &red, &green, &blue); err == nil && n == 3 && strings.HasPrefix(value, "rgb(") {
		return fmt.Sprintf("#%02x%02x%02x", red, green, blue)
	}
	return shorten(redact(value))
}
