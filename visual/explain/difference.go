package explain

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"tocsin/visual/page"
)

// difference gathers the changes of one explanation.
type difference struct {
	before, now *tree
	changes     []Change
	moved       []move
}

// move is an element that moved, and not just along with its parent.
type move struct {
	element     int
	right, down float64
}

// slack in pixels: layout rounds.
const slack = 0.5

func (d *difference) add(c Change, format string, arguments ...any) {
	c.Sentence = fmt.Sprintf(format, arguments...)
	d.changes = append(d.changes, c)
}

// pair compares an element with what it is now, and all below the two.
func (d *difference) pair(i, j int) {
	a, b := d.before.at(i), d.now.at(j)
	if a.Masked || b.Masked {
		return
	}
	told := len(d.changes)
	d.words(a, b)
	d.styles(i, j)
	d.place(i, j)
	for _, pair := range d.align(d.before.children[i], d.now.children[j]) {
		switch {
		case pair[0] < 0:
			d.appeared(pair[1])
		case pair[1] < 0:
			d.disappeared(pair[0])
		default:
			d.pair(pair[0], pair[1])
		}
	}
	if len(d.changes) == told {
		d.size(a, b)
	}
}

// words compares what an element says to people and to assistive technology.
func (d *difference) words(a, b *page.Element) {
	change := Change{Path: b.Path, Box: b.Box, prominent: prominent(b)}
	if a.Text != b.Text {
		c := change
		c.Kind, c.Before, c.Now = Text, quote(a.Text), quote(b.Text)
		switch {
		case a.Text == "":
			d.add(c, "%s now says %s", d.now.name(b), c.Now)
		case b.Text == "":
			d.add(c, "%s no longer says %s", d.now.name(b), c.Before)
		default:
			d.add(c, "text of %s changed from %s to %s", d.now.name(b), c.Before, c.Now)
		}
	}
	change.Kind = Accessibility
	if a.Role != b.Role {
		c := change
		c.Before, c.Now = orNone(a.Role), orNone(b.Role)
		d.add(c, "role of %s changed from %s to %s", d.now.name(b), c.Before, c.Now)
	}
	// A name that comes from the text has been told with it.
	if a.Name != b.Name && (a.Text == b.Text || a.Name != a.Text && b.Name != b.Text) {
		c := change
		c.Before, c.Now = quote(a.Name), quote(b.Name)
		d.add(c, "accessible name of %s changed from %s to %s", d.now.name(b), c.Before, c.Now)
	}
	if !slices.Equal(a.States, b.States) {
		c := change
		c.Before, c.Now = orNone(strings.Join(a.States, " ")), orNone(strings.Join(b.States, " "))
		d.add(c, "state of %s changed from %s to %s", d.now.name(b), c.Before, c.Now)
	}
}

func (d *difference) appeared(j int) {
	if !d.now.shown(j) {
		return
	}
	e, text := d.now.at(j), d.now.text(j)
	c := Change{Kind: Appeared, Path: e.Path, Box: e.Box, Now: quote(text), prominent: prominent(e)}
	if text == "" {
		c.Now = ""
		d.add(c, "%s appeared", d.now.name(e))
		return
	}
	d.add(c, "%s appeared: %s", d.now.name(e), c.Now)
}

func (d *difference) disappeared(i int) {
	if !d.before.shown(i) {
		return
	}
	e, text := d.before.at(i), d.before.text(i)
	c := Change{Kind: Disappeared, Path: e.Path, Box: e.Box, Before: quote(text), prominent: prominent(e)}
	if text == "" {
		c.Before = ""
		d.add(c, "%s disappeared", d.before.name(e))
		return
	}
	d.add(c, "%s disappeared: %s", d.before.name(e), c.Before)
}

// place notes a move, unless the parent moved as far.
func (d *difference) place(i, j int) {
	a, b := d.before.at(i), d.now.at(j)
	right, down := b.Box.X-a.Box.X, b.Box.Y-a.Box.Y
	if a.Parent >= 0 && b.Parent >= 0 {
		p, q := d.before.at(a.Parent), d.now.at(b.Parent)
		if math.Abs(q.Box.X-p.Box.X-right) < slack && math.Abs(q.Box.Y-p.Box.Y-down) < slack {
			return
		}
	}
	if math.Abs(right) >= slack || math.Abs(down) >= slack {
		d.moved = append(d.moved, move{element: j, right: right, down: down})
	}
}

// moves tells of elements that moved equally far as one change.
func (d *difference) moves() {
	told := make([]bool, len(d.moved))
	for i, first := range d.moved {
		if told[i] {
			continue
		}
		more := 0
		for k := i + 1; k < len(d.moved); k++ {
			other := d.moved[k]
			if !told[k] && math.Abs(other.right-first.right) < slack && math.Abs(other.down-first.down) < slack {
				told[k] = true
				more++
			}
		}
		e := d.now.at(first.element)
		who := d.now.name(e)
		if more > 0 {
			who = fmt.Sprintf("%s and %d more", who, more)
		}
		d.add(Change{Kind: Moved, Path: e.Path, Box: e.Box, Now: way(first.right, first.down), prominent: prominent(e)},
			"%s moved %s", who, way(first.right, first.down))
	}
}

// way is a distance in words.
func way(right, down float64) string {
	var parts []string
	part := func(by float64, forth, back string) {
		switch {
		case by >= slack:
			parts = append(parts, fmt.Sprintf("%.4g px %s", math.Round(by*10)/10, forth))
		case by <= -slack:
			parts = append(parts, fmt.Sprintf("%.4g px %s", math.Round(-by*10)/10, back))
		}
	}
	part(right, "right", "left")
	part(down, "down", "up")
	return strings.Join(parts, " and ")
}

// size tells of another size that nothing below or in the element explains.
func (d *difference) size(a, b *page.Element) {
	if math.Abs(a.Box.Width-b.Box.Width) < slack && math.Abs(a.Box.Height-b.Box.Height) < slack {
		return
	}
	before, now := extent(a.Box), extent(b.Box)
	d.add(Change{Kind: Size, Path: b.Path, Box: b.Box, Before: before, Now: now, prominent: prominent(b)},
		"size of %s changed from %s to %s", d.now.name(b), before, now)
}

func extent(b page.Box) string { return fmt.Sprintf("%.4g×%.4g", b.Width, b.Height) }
