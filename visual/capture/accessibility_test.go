package capture

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"tocsin/visual/accessibility"
)

// pale is a page on which all text is too pale to be read, in elements of all
// kinds of names and places.
const pale = `<!doctype html><html lang="en"><title>Pale</title><style>
	*{color:#bbb;background:#fff} p::before{content:"before"} @keyframes spin{to{transform:rotate(1turn)}} h1{animation:spin 1s infinite}</style>
<main id="main"><h1>Welcome back</h1>
	<p>The first</p><p id="twice">The second</p><p id="twice">The third</p>
	<form><label>Individual id <input name="id" value="4711"></label><p data-testid="hint">A hint</p><p name="a&quot;b">Quoted</p>
		<select name="name"><option>One thing</option></select><textarea name="action">Typed text</textarea></form>
	<table><tr><td>Cell one</td><td id="x.y:z">Cell two</td></tr></table>
	<div id="host"><p>Light one</p><p slot="named">Light two</p></div>
	<details open><summary>More</summary><p>Told in detail</p></details><ul><li>Item one<li>Item two</ul>
	<section><div><p>Deep one</p></div><div><p>Deep two</p><b>Deep three</b></div></section>
</main>
<script>
	const root = host.attachShadow({ mode: "open" });
	root.innerHTML = "<style>*{color:#bbb;background:#fff}</style><p>Shade one</p><slot name='named'></slot><p id='twice'>Shade two</p><slot></slot><x-inner></x-inner>";
	root.querySelector("x-inner").attachShadow({ mode: "open" }).innerHTML = "<style>*{color:#bbb;background:#fff}</style><p>Inner one</p><div><p>Inner two</p></div>";
</script></html>`

func TestAccessibilityOfAPicturedPage(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/pale", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, pale)
	})
	mux.HandleFunc("/empty", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	b := newBenchOf(t, mux)
	shot, err := b.ask(t.Context(), "/pale", Request{Accessibility: true, Masks: []string{"table"}})
	if err != nil {
		t.Fatal(err)
	}

	t.Run("the picture is the same without it", func(t *testing.T) {
		without := b.take(t, "/pale", "table")
		if !bytes.Equal(without.PNG, shot.PNG) || without.Accessibility != nil {
			t.Errorf("the pictures differ, or there is a report that was not asked for: %v", without.Accessibility)
		}
	})
	t.Run("findings are at the paths that the page has", func(t *testing.T) {
		for _, finding := range shot.Accessibility.Findings {
			if shot.Page.Find(finding.Path) < 0 {
				t.Errorf("%s: there is no such element", finding)
			}
		}
	})
	t.Run("each pale text is found, under a mask, too", func(t *testing.T) {
		for index := range shot.Page.Elements {
			element := &shot.Page.Elements[index]
			pale := func(f accessibility.Finding) bool { return f.Rule == "color-contrast" && f.Path == element.Path }
			if slices.Contains([]string{"h1", "p", "td", "b"}, element.Tag) && !slices.ContainsFunc(shot.Accessibility.Findings, pale) {
				t.Errorf("nothing is found at %s %q", element.Path, element.Text)
			}
		}
	})
	t.Run("without a page there is none", func(t *testing.T) {
		if shot, err := b.ask(t.Context(), "/empty", Request{Accessibility: true}); err != nil || shot.Accessibility != nil {
			t.Errorf("got %v, %v", shot, err)
		}
	})
}
