package page

import "slices"

// Version of the form in which pages are written. Pages of another version are
// not compared.
const Version = 1

// Bounds of a page, so that one cannot fill a disk or a report.
const (
	// MaxElements are kept of a page, in document order.
	MaxElements = 5000
	// MaxText is how many characters are kept of one text.
	MaxText = 400
	// MaxBytes is how large a written page may be.
	MaxBytes = 8 << 20
)

// Page is what a page consisted of when its picture was taken.
type Page struct {
	Version int    `json:"version"`
	Title   string `json:"title,omitempty"`
	// Language and Direction are those of the root element; Direction is ltr
	// or rtl.
	Language  string `json:"language,omitempty"`
	Direction string `json:"direction,omitempty"`
	// Elements are what is rendered, in document order: a parent stands before
	// its children. The root is the first.
	Elements []Element `json:"elements"`
	// Omitted is how many elements were left out, beyond MaxElements.
	Omitted int `json:"omitted,omitempty"`
}

// Element is one element that is rendered.
type Element struct {
	// Path is a CSS selector that finds the element: by its id or another name
	// that a machine reads, else by its place below the nearest element that
	// has one. It is unique in the page. Inside a shadow tree, the path of the
	// host and that inside it are joined by " >>> "; a frame is one element.
	Path string `json:"path"`
	// Parent is the index of the parent among the elements; -1 for the root.
	Parent int    `json:"parent"`
	Tag    string `json:"tag"`
	ID     string `json:"id,omitempty"`
	// Role and Name are those that assistive technology is told (ARIA). An
	// element that it is not told of has neither.
	Role string `json:"role,omitempty"`
	Name string `json:"name,omitempty"`
	// States are what assistive technology is told of its state, sorted, such
	// as disabled, checked, expanded, invalid, required, focused.
	States []string `json:"states,omitempty"`
	// Text is that of the element itself, without that of its children, on one
	// line. What a person typed into a field is never in it.
	Text string `json:"text,omitempty"`
	// Box is in CSS pixels of the whole page.
	Box Box `json:"box"`
	// Style are those of Styles that say something: an inherited one is given
	// where it changes, any other where it is not the initial one. See
	// Page.Style.
	Style map[string]string `json:"style,omitempty"`
	// Masked elements may differ; their text and name are left out.
	Masked bool `json:"masked,omitempty"`
}

// Box is where an element is.
type Box struct {
	X      float64 `json:"x"`
	Y      float64 `json:"y"`
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
}

// Property is a style that is kept.
type Property struct {
	Name string
	// Inherited properties are those of the parent where an element says
	// nothing; Initial is what any other property is then.
	Inherited bool
	Initial   string
}

// Styles are the CSS properties that are kept, as computed.
func Styles() []Property {
	return []Property{
		{"color", true, ""},
		{"font-family", true, ""},
		{"font-size", true, ""},
		{"font-weight", true, ""},
		{"font-style", true, ""},
		{"text-align", true, ""},
		{"text-transform", true, ""},
		{"visibility", true, ""},
		{"direction", true, ""},
		{"background-color", false, "rgba(0, 0, 0, 0)"},
		{"background-image", false, "none"},
		{"border-top-color", false, ""},
		{"border-top-width", false, "0px"},
		{"border-top-left-radius", false, "0px"},
		{"box-shadow", false, "none"},
		{"opacity", false, "1"},
		{"text-decoration-line", false, "none"},
		{"transform", false, "none"},
	}
}

// Style is the computed value of a property of the element at index. It is
// empty for a property that is not one of Styles.
func (p *Page) Style(index int, property string) string {
	known := slices.IndexFunc(Styles(), func(s Property) bool { return s.Name == property })
	if known < 0 {
		return ""
	}
	kept := Styles()[known]
	for at := index; at >= 0 && at < len(p.Elements); at = p.Elements[at].Parent {
		if value, ok := p.Elements[at].Style[property]; ok {
			return value
		}
		if !kept.Inherited {
			return kept.Initial
		}
	}
	return kept.Initial
}

// Find is the index of the element with a path, -1 if there is none.
func (p *Page) Find(path string) int {
	return slices.IndexFunc(p.Elements, func(e Element) bool { return e.Path == path })
}

// Whole reports whether nothing was left out.
func (p *Page) Whole() bool { return p.Omitted == 0 }
