package explain

import (
	"hash/fnv"
	"strings"

	"tocsin/visual/page"
)

// tree is a page with the children of each element, and a hash of what each
// element and all below it say.
type tree struct {
	page     *page.Page
	children [][]int
	sums     []uint64
	tags     map[string]int // how many elements have each tag
}

func newTree(p *page.Page) *tree {
	t := &tree{page: p, children: make([][]int, len(p.Elements)), sums: make([]uint64, len(p.Elements)), tags: map[string]int{}}
	for i := 1; i < len(p.Elements); i++ {
		parent := p.Elements[i].Parent
		t.children[parent] = append(t.children[parent], i)
	}
	// A parent stands before its children, so from the end all sums of children are known.
	for i := len(p.Elements) - 1; i >= 0; i-- {
		t.sums[i] = t.sum(i)
		t.tags[t.at(i).Tag]++
	}
	return t
}

func (t *tree) sum(i int) uint64 {
	e := t.at(i)
	hash := fnv.New64a()
	// A hash never refuses to be written to.
	_, _ = hash.Write([]byte(strings.Join([]string{e.Tag, e.ID, e.Role, e.Name, e.Text}, "\x00")))
	for _, child := range t.children[i] {
		var sum [8]byte
		for b := range sum {
			sum[b] = byte(t.sums[child] >> (8 * b))
		}
		_, _ = hash.Write(sum[:])
	}
	return hash.Sum64()
}

func (t *tree) at(i int) *page.Element { return &t.page.Elements[i] }

// text is what an element and all below it say.
func (t *tree) text(i int) string {
	var words []string
	var gather func(i int)
	gather = func(i int) {
		e := t.at(i)
		if e.Masked {
			return
		}
		if e.Text != "" {
			words = append(words, e.Text)
		}
		for _, child := range t.children[i] {
			gather(child)
		}
	}
	gather(i)
	if len(words) == 0 {
		return t.at(i).Name
	}
	return strings.Join(words, " ")
}

// shown reports an element that a person or assistive technology notices.
func (t *tree) shown(i int) bool {
	e := t.at(i)
	return !e.Masked && (e.Role != "" || t.text(i) != "" || e.Box.Width > 0 && e.Box.Height > 0)
}
