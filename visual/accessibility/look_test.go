package accessibility

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/browser"
)

func TestEngineIsThePublishedFile(t *testing.T) {
	if sum := fmt.Sprintf("%x", sha256.Sum256([]byte(engineScript))); sum != engineSHA256 {
		t.Errorf("checksum of axe.min.js is %s, want %s", sum, engineSHA256)
	}
	version := strings.TrimPrefix(Engine, "axe-core/")
	if first, _, _ := strings.Cut(engineScript, "\n"); first != "/*! axe v"+version {
		t.Errorf("axe.min.js begins with %q, want version %s", first, version)
	}
}

// desk is a browser in front of pages.
type desk struct {
	browser *browser.Browser
	server  *httptest.Server
	network browser.TabOptions
}

// site serves each page below its name, the wrong one with a policy that lets
// nobody run a script.
func site(pages map[string]string) http.Handler {
	mux := http.NewServeMux()
	for name, body := range pages {
		mux.HandleFunc("/"+name, func(w http.ResponseWriter, _ *http.Request) {
			if name == "wrong" {
				w.Header().Set("Content-Security-Policy",
					"default-src 'none'; style-src 'unsafe-inline'; img-src data:; require-trusted-types-for 'script'; trusted-types 'none'")
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, body)
		})
	}
	return mux
}

func newDesk(t testing.TB, pages map[string]string) *desk {
	t.Helper()
	d := &desk{server: httptest.NewTLSServer(site(pages))}
	t.Cleanup(d.server.Close)
	d.network = browser.TabOptions{Roots: x509.NewCertPool()}
	d.network.Roots.AddCert(d.server.Certificate())
	started, err := browser.Start(t.Context(), browser.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d.browser = started
	t.Cleanup(func() {
		if err := started.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func (d *desk) tab(t testing.TB) *browser.Tab {
	t.Helper()
	tab, err := d.browser.Open(t.Context(), d.network)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tab.Close(); err != nil {
			t.Error(err)
		}
	})
	return tab
}

func (d *desk) navigate(t testing.TB, tab *browser.Tab, name string) {
	t.Helper()
	if _, err := tab.Navigate(t.Context(), d.server.URL+"/"+name); err != nil {
		t.Fatal(err)
	}
}

// open opens a page in a tab of its own, whose context it returns.
func (d *desk) open(t testing.TB, name string) context.Context {
	t.Helper()
	tab := d.tab(t)
	d.navigate(t, tab, name)
	ctx, done := tab.Within(t.Context())
	t.Cleanup(done)
	return ctx
}

func (d *desk) look(t testing.TB, name string) *Report {
	t.Helper()
	report, err := look(d.open(t, name), patience)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return report
}

// patience is more than Limit: a machine that runs tests may be very busy.
const patience = time.Minute

// told are the findings as rule and path, sorted.
func told(findings []Finding) []string {
	var out []string
	for _, finding := range findings {
		out = append(out, finding.Rule+" "+finding.Path)
	}
	slices.Sort(out)
	return out
}

const (
	head  = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Log in</title></head><body>`
	login = `<main><h1>Log in</h1><form><label>Individual id <input name="id"></label> <label>PIN <input type="password" name="name"></label> <button>Next</button></form></main>`
)

// wrong has a page of defects, each of which one rule finds.
const wrong = `<main><h1>Log in</h1><form>
	<input name="id" value="4711-secret">
	<p style="color:#aaa;background:#fff">Forgot it?</p>
	<p id="note" style="color:#aaa;background:#fff">Note</p>
	<img src="data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==">
	<button id="7 go"></button></form></main>`

// wrongTold is what is found on it.
func wrongTold() []string {
	return []string{
		"button-name #\\37 \\ go", "color-contrast #note", "color-contrast body > main:nth-of-type(1) > form:nth-of-type(1) > p:nth-of-type(1)",
		"image-alt body > main:nth-of-type(1) > form:nth-of-type(1) > img:nth-of-type(1)", `label input[name="id"]`,
	}
}

// hostile pages try to look better than they are, and name their elements after
// what axe-core is built on.
const hostile = `<script>
	window.axe = { version: "1", configure() {}, run: async () => ({ violations: [], incomplete: [], passes: [1] }) };
	Object.defineProperty(window, "axe", { writable: false });
	Array.prototype.map = Array.prototype.filter = Array.prototype.flatMap = () => [];
	Promise.prototype.then = () => new Promise(() => {});
	window.getComputedStyle = () => ({});
	Element.prototype.getAttribute = () => "fine";
	Document.prototype.querySelectorAll = () => [];
	window.setTimeout = () => 0;
	JSON.stringify = () => "{}";
</script><span id="axe">axe</span> <span id="define">define</span>
<form id="module"><label>a <input name="exports"></label> <label>b <input name="action"></label></form>`

const shadow = `<main><h1>Log in</h1><div id="host"><p>light</p></div><script>
	const root = host.attachShadow({ mode: "open" });
	root.innerHTML = "<p>first</p><section><input></section><slot></slot><my-inner></my-inner>";
	root.querySelector("my-inner").attachShadow({ mode: "open" }).innerHTML = "<div><input></div>";
</script></main>`

func testPages() map[string]string {
	return map[string]string{
		"clean": head + login + `<iframe title="inside" srcdoc="<img src=x>"></iframe>`, "wrong": head + wrong, "hostile": head + hostile + wrong, "shadow": "<!doctype html>" + shadow,
		"named": head + `<form><label>a <input name="nodeName"></label></form>`,
		"many":  head + `<main><h1>Many</h1>` + strings.Repeat("<img>", MaxFindings+7) + "</main>",
		"busy":  head + login + `<script>for (let i = 0; i < 8000; i++) document.body.insertAdjacentHTML("beforeend", "<p style='color:#aaa'>x</p>")</script>`,
	}
}

func TestLook(t *testing.T) {
	d := newDesk(t, testPages())
	t.Run("a clean page has no findings, and rules that held; frames are not looked into", func(t *testing.T) {
		report := d.look(t, "clean")
		if len(report.Findings) != 0 || report.Passed < 5 || report.Engine != Engine || report.Unchecked != nil {
			t.Errorf("got %+v", report)
		}
	})
	t.Run("each defect is found where it is, and told without secrets", func(t *testing.T) { testFinding(t, d) })
	t.Run("a page cannot look better than it is", func(t *testing.T) {
		report := d.look(t, "hostile")
		if got := told(report.Findings); !slices.Equal(got, wrongTold()) || len(report.Unchecked) > 0 {
			t.Errorf("got %q, want %q; rules that failed: %v", got, wrongTold(), report.Unchecked)
		}
	})
	t.Run("shadow trees are looked into, and what belongs to no element is told of the root", func(t *testing.T) {
		want := []string{
			"document-title html", "html-has-lang html",
			"label #host >>> my-inner:nth-of-type(1) > div:nth-of-type(1) > input:nth-of-type(1)",
			"label #host >>> section:nth-of-type(1) > input:nth-of-type(1)",
		}
		if got := told(d.look(t, "shadow").Findings); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("findings are bounded, and the rest is counted", func(t *testing.T) {
		report := d.look(t, "many")
		if len(report.Findings) != MaxFindings || report.Omitted != 7 {
			t.Errorf("%d findings and %d omitted", len(report.Findings), report.Omitted)
		}
	})
	t.Run("axe-core that does not come to an end is ended", func(t *testing.T) {
		_, err := look(d.open(t, "busy"), 200*time.Millisecond)
		if err == nil || !strings.Contains(err.Error(), "axe-core is not done within 200ms") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a page that names its inputs after what axe-core asks for has no report", func(t *testing.T) {
		ctx := d.open(t, "named")
		if report, err := Look(ctx); err == nil {
			t.Errorf("there is a report: %v", report)
		}
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := Look(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that gives up gets %v", err)
		}
	})
}

// testFinding looks at one page twice.
func testFinding(t *testing.T, d *desk) {
	ctx := d.open(t, "wrong")
	report, err := look(ctx, patience)
	if err != nil {
		t.Fatal(err)
	}
	if got := told(report.Findings); !slices.Equal(got, wrongTold()) || len(report.Unchecked) > 0 {
		t.Errorf("got %q, want %q; rules that failed: %v", got, wrongTold(), report.Unchecked)
	}
	at := slices.IndexFunc(report.Findings, func(f Finding) bool { return f.Rule == "label" })
	if at < 0 {
		t.Fatal("the missing label is not found")
	}
	finding := report.Findings[at]
	if got, want := finding.String(), `critical: label at input[name="id"]: Form elements must have labels`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !strings.HasPrefix(finding.Summary, "Fix any of the following: ") || finding.HelpURL != "https://dequeuniversity.com/rules/axe/4.14/label" {
		t.Errorf("got %+v", finding)
	}
	encoded, err := report.Encode()
	if err != nil || strings.Contains(string(encoded), "4711") || strings.Contains(string(encoded), "<input") {
		t.Errorf("%v, %s", err, encoded)
	}
	again, err := look(ctx, patience)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.Findings, report.Findings) {
		t.Errorf("a second look sees %v, the first saw %v", again.Findings, report.Findings)
	}
}

func BenchmarkLook(b *testing.B) {
	d := newDesk(b, testPages())
	tab := d.tab(b)
	ctx, done := tab.Within(b.Context())
	defer done()
	for _, name := range []string{"clean", "wrong"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				d.navigate(b, tab, name)
				b.StartTimer()
				if _, err := Look(ctx); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
