package capture

import (
	"crypto/sha256"
	"fmt"
	"math"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/domsnapshot"

	"tocsin/visual/page"
)

// Kinds of nodes (DOM Living Standard, Node.nodeType).
const (
	elementNode = 1
	textNode    = 3
)

// reader puts a snapshot of the browser's into the form of a page.
type reader struct {
	strings    []string
	nodes      *domsnapshot.NodeTreeSnapshot
	layout     *domsnapshot.LayoutTreeSnapshot
	accessible map[cdp.BackendNodeID]told
	masks      [][4]float64

	laid    map[int]int // the index in the layout of a node that is rendered
	shadows map[int]string
	paths   *paths
	kept    map[int]int // the index among the elements of a node that is kept
	out     *page.Page
}

func newReader(snapshot domsnapshot.CaptureSnapshotResult, nodes []*accessibility.Node, masks [][4]float64) *reader {
	document := snapshot.Documents[0]
	r := &reader{
		strings: snapshot.Strings, nodes: document.Nodes, layout: document.Layout, accessible: accessible(nodes), masks: masks,
		laid: map[int]int{}, shadows: map[int]string{}, kept: map[int]int{},
		out: &page.Page{Version: page.Version, Title: clip(lookup(snapshot.Strings, document.Title)), Elements: []page.Element{}},
	}
	for at, node := range r.layout.NodeIndex {
		if _, known := r.laid[int(node)]; !known {
			r.laid[int(node)] = at
		}
	}
	if kinds := r.nodes.ShadowRootType; kinds != nil {
		for at, node := range kinds.Index {
			r.shadows[int(node)] = lookup(r.strings, kinds.Value[at])
		}
	}
	r.paths = newPaths(r)
	return r
}

// lookup is a string of the snapshot's table; -1 stands for none.
func lookup(table []string, index domsnapshot.StringIndex) string {
	if index < 0 || int(index) >= len(table) {
		return ""
	}
	return table[index]
}

func (r *reader) count() int {
	return min(len(r.nodes.ParentIndex), len(r.nodes.NodeType), len(r.nodes.NodeName))
}

func (r *reader) name(node int) string {
	return strings.ToLower(lookup(r.strings, r.nodes.NodeName[node]))
}

// page reads all nodes. A parent stands before its children.
func (r *reader) page() *page.Page {
	private := map[int]bool{}
	for node := range r.count() {
		parent := int(r.nodes.ParentIndex[node])
		// The insides of the browser's own controls hold what was typed.
		private[node] = private[parent] || r.shadows[node] == "user-agent"
		if private[node] {
			continue
		}
		switch r.nodes.NodeType[node] {
		case elementNode:
			r.element(node)
		case textNode:
			r.text(node, parent)
		}
	}
	for index := range r.out.Elements {
		element := &r.out.Elements[index]
		element.Text = clip(element.Text)
	}
	return r.out
}

// keptAbove is the nearest element above a node that is kept, -1 without.
func (r *reader) keptAbove(node int) int {
	for at := int(r.nodes.ParentIndex[node]); at >= 0; at = int(r.nodes.ParentIndex[at]) {
		if index, ok := r.kept[at]; ok {
			return index
		}
	}
	return -1
}

func (r *reader) element(node int) {
	at, rendered := r.laid[node]
	if !rendered || strings.HasPrefix(r.name(node), "::") {
		return
	}
	parent := r.keptAbove(node)
	if len(r.out.Elements) >= page.MaxElements || parent < 0 && len(r.out.Elements) > 0 {
		r.out.Omitted++
		return
	}
	element := page.Element{Path: r.paths.of(node), Parent: parent, Tag: r.name(node), ID: r.paths.attribute(node, "id"), Box: r.box(at)}
	if said, ok := r.accessible[r.backend(node)]; ok {
		element.Role, element.Name, element.States = said.role, said.name, said.states
	}
	element.Style = r.style(at, parent)
	if element.Masked = r.masked(element.Box); element.Masked {
		element.Name = ""
	}
	if parent < 0 {
		r.out.Language, r.out.Direction = r.paths.attribute(node, "lang"), element.Style["direction"]
	}
	r.kept[node] = len(r.out.Elements)
	r.out.Elements = append(r.out.Elements, element)
}

func (r *reader) backend(node int) cdp.BackendNodeID {
	if node >= len(r.nodes.BackendNodeID) {
		return 0
	}
	return r.nodes.BackendNodeID[node]
}

// text adds what is rendered of a text to its element. What stands in a
// textarea was typed, or might have been.
func (r *reader) text(node, parent int) {
	at, rendered := r.laid[node]
	index := r.keptAbove(node)
	if !rendered || index < 0 || parent >= 0 && r.name(parent) == "textarea" || at >= len(r.layout.Text) {
		return
	}
	element := &r.out.Elements[index]
	if element.Masked || len(element.Text) > 4*page.MaxText {
		return
	}
	element.Text += " " + lookup(r.strings, r.layout.Text[at])
}

// box is where an element is, in CSS pixels.
func (r *reader) box(at int) page.Box {
	if at >= len(r.layout.Bounds) || len(r.layout.Bounds[at]) != 4 {
		return page.Box{}
	}
	bounds := r.layout.Bounds[at]
	rounded := func(length float64) float64 { return math.Round(length*100) / 100 }
	return page.Box{X: rounded(bounds[0]), Y: rounded(bounds[1]), Width: rounded(bounds[2]), Height: rounded(bounds[3])}
}

// masked reports whether a box lies inside a mask.
func (r *reader) masked(box page.Box) bool {
	const slack = 1
	for _, mask := range r.masks {
		if box.X >= mask[0]-slack && box.Y >= mask[1]-slack && box.X+box.Width <= mask[2]+slack && box.Y+box.Height <= mask[3]+slack {
			return true
		}
	}
	return false
}

// style is what of the computed styles says something; see page.Element.
func (r *reader) style(at, parent int) map[string]string {
	if at >= len(r.layout.Styles) {
		return nil
	}
	values := r.layout.Styles[at]
	computed := map[string]string{}
	for index, property := range page.Styles() {
		if index < len(values) {
			computed[property.Name] = short(lookup(r.strings, domsnapshot.StringIndex(values[index])))
		}
	}
	said := map[string]string{}
	for _, property := range page.Styles() {
		value := computed[property.Name]
		switch {
		case value == "", !property.Inherited && value == property.Initial:
		case property.Inherited && parent >= 0 && r.out.Style(parent, property.Name) == value:
		case property.Name == "border-top-color" && computed["border-top-width"] == "0px":
			// A border that is not there has the colour of the text.
		default:
			said[property.Name] = value
		}
	}
	if len(said) == 0 {
		return nil
	}
	return said
}

// short bounds a value, such as a picture inside a style, so that a change of
// what is cut off still shows.
func short(value string) string {
	const longest = 160
	if len(value) <= longest {
		return value
	}
	return fmt.Sprintf("%s… sha256:%x", strings.ToValidUTF8(value[:longest/2], ""), sha256.Sum256([]byte(value)))
}
