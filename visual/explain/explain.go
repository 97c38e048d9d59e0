package explain

import (
	"slices"

	"tocsin/visual/page"
)

// MaxChanges is how many changes are told; the rest is only counted.
const MaxChanges = 20

// Kind is what sort of change it is. The constants stand in the order in which
// changes are told.
type Kind string

const (
	// Error is a message of something that went wrong, shown to people.
	Error       Kind = "error"
	Title       Kind = "title"
	Language    Kind = "language"
	Text        Kind = "text"
	Appeared    Kind = "appeared"
	Disappeared Kind = "disappeared"
	// Accessibility is what assistive technology is told: role, name, states.
	Accessibility Kind = "accessibility"
	Style         Kind = "style"
	Size          Kind = "size"
	Moved         Kind = "moved"
)

func order() []Kind {
	return []Kind{Error, Title, Language, Text, Appeared, Disappeared, Accessibility, Style, Size, Moved}
}

// Change is one difference of two pages.
type Change struct {
	Kind Kind `json:"kind"`
	// Path finds the element, in the page where it is.
	Path string `json:"path,omitempty"`
	// Code of an error, such as IDP-3200 or 502.
	Code string `json:"code,omitempty"`
	// Before and Now are what changed, shortened and redacted.
	Before string `json:"before,omitempty"`
	Now    string `json:"now,omitempty"`
	// Box is where the element is now, or was if it is gone.
	Box page.Box `json:"box"`
	// Sentence tells the change to people.
	Sentence string `json:"sentence"`

	prominent bool
}

// Explanation is all that differs, most important first.
type Explanation struct {
	Changes []Change `json:"changes"`
	// Omitted is how many changes are not told.
	Omitted int `json:"omitted,omitempty"`
	// Partial says that a page had more elements than were compared.
	Partial bool `json:"partial,omitempty"`
}

// Pages explains the difference of two pages.
func Pages(before, now *page.Page) Explanation {
	d := &difference{before: newTree(before), now: newTree(now)}
	d.document()
	if len(before.Elements) > 0 && len(now.Elements) > 0 {
		d.pair(0, 0)
	}
	d.errors()
	d.moves()
	rank := order()
	slices.SortStableFunc(d.changes, func(a, b Change) int {
		if by := slices.Index(rank, a.Kind) - slices.Index(rank, b.Kind); by != 0 {
			return by
		}
		return weight(b) - weight(a)
	})
	told := Explanation{Changes: d.changes, Partial: !before.Whole() || !now.Whole()}
	if len(told.Changes) > MaxChanges {
		told.Omitted = len(told.Changes) - MaxChanges
		told.Changes = told.Changes[:MaxChanges]
	}
	return told
}

// weight puts what people read first and act on before the rest.
func weight(c Change) int {
	if c.prominent {
		return 1
	}
	return 0
}

// document compares what belongs to no element.
func (d *difference) document() {
	before, now := d.before.page, d.now.page
	if before.Title != now.Title {
		d.add(Change{Kind: Title, Before: quote(before.Title), Now: quote(now.Title)},
			"title of the page changed from %s to %s", quote(before.Title), quote(now.Title))
	}
	if before.Language != now.Language || before.Direction != now.Direction {
		d.add(Change{Kind: Language, Before: before.Language + " " + before.Direction, Now: now.Language + " " + now.Direction},
			"language of the page changed from %s (%s) to %s (%s)", before.Language, before.Direction, now.Language, now.Direction)
	}
}
