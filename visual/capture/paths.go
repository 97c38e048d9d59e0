package capture

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/chromedp/cdproto/domsnapshot"
)

// paths makes selectors that stay the same as long as an element stays where it
// is, and are unique in the page.
type paths struct {
	reader *reader
	// named are how often a selector by name occurs in a tree: that of the
	// document, or of a shadow root.
	named map[scoped]int
	// place is the position of an element among those of its tag.
	place map[int]int
	taken map[string]bool
	known map[int]string
}

type scoped struct {
	tree     int
	selector string
}

func newPaths(r *reader) *paths {
	p := &paths{reader: r, named: map[scoped]int{}, place: map[int]int{}, taken: map[string]bool{}, known: map[int]string{}}
	type sibling struct {
		parent int
		tag    string
	}
	siblings := map[sibling]int{}
	for node := range r.count() {
		if r.nodes.NodeType[node] != elementNode {
			continue
		}
		key := sibling{int(r.nodes.ParentIndex[node]), r.name(node)}
		siblings[key]++
		p.place[node] = siblings[key]
		for _, selector := range p.names(node) {
			p.named[scoped{p.tree(node), selector}]++
		}
	}
	return p
}

// tree is the host of the shadow tree that a node is in, or -1. The snapshot has
// no shadow roots, only nodes that are in one: a tree in a tree counts as part
// of the outer one.
func (p *paths) tree(node int) int {
	for at := node; at >= 0 && p.reader.shadows[at] != ""; {
		parent := int(p.reader.nodes.ParentIndex[at])
		if p.reader.shadows[parent] == "" {
			return parent
		}
		at = parent
	}
	return -1
}

// names are the selectors of an element by what a machine calls it, the best
// first.
func (p *paths) names(node int) []string {
	var found []string
	if id := p.attribute(node, "id"); id != "" {
		found = append(found, "#"+escape(id))
	}
	for _, attribute := range []string{"data-testid", "data-test", "name"} {
		if value := p.attribute(node, attribute); value != "" && !strings.ContainsAny(value, "\"\\\n") {
			found = append(found, fmt.Sprintf("%s[%s=%q]", p.reader.name(node), attribute, value))
		}
	}
	return found
}

// of is the selector of an element.
func (p *paths) of(node int) string {
	if path, ok := p.known[node]; ok {
		return path
	}
	path := p.make(node)
	for number := 2; p.taken[path]; number++ {
		path = fmt.Sprintf("%s:nth-match(%d)", p.make(node), number)
	}
	p.taken[path], p.known[node] = true, path
	return path
}

func (p *paths) make(node int) string {
	tree := p.tree(node)
	prefix := ""
	if tree >= 0 {
		prefix = p.of(tree) + " >>> "
	}
	for _, selector := range p.names(node) {
		if p.named[scoped{tree, selector}] == 1 {
			return prefix + selector
		}
	}
	tag, parent := p.reader.name(node), int(p.reader.nodes.ParentIndex[node])
	if tag == "html" || tag == "body" {
		return prefix + tag
	}
	last := fmt.Sprintf("%s:nth-of-type(%d)", tag, p.place[node])
	if parent < 0 || parent == tree || p.reader.nodes.NodeType[parent] != elementNode {
		return prefix + last
	}
	return p.of(parent) + " > " + last
}

// attribute of an element, empty without.
func (p *paths) attribute(node int, name string) string {
	if node >= len(p.reader.nodes.Attributes) {
		return ""
	}
	pairs := p.reader.nodes.Attributes[node]
	for at := 0; at+1 < len(pairs); at += 2 {
		if lookup(p.reader.strings, domsnapshot.StringIndex(pairs[at])) == name {
			return lookup(p.reader.strings, domsnapshot.StringIndex(pairs[at+1]))
		}
	}
	return ""
}

// escape writes an id as a CSS identifier (CSSOM, serialize an identifier), as
// far as ids are written by people.
func escape(id string) string {
	var out strings.Builder
	for index, r := range id {
		switch {
		case unicode.IsDigit(r) && index == 0:
			fmt.Fprintf(&out, "\\%x ", r)
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) || r > 0x7f:
			out.WriteRune(r)
		default:
			out.WriteByte('\\')
			out.WriteRune(r)
		}
	}
	return out.String()
}
