package capture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/browser"
	"tocsin/visual/page"
)

// blinking is an animated picture: red and blue for 50 ms each, for ever.
func blinking(t *testing.T) []byte {
	t.Helper()
	animated := gif.GIF{}
	for _, shade := range []color.Color{color.NRGBA{255, 0, 0, 255}, color.NRGBA{0, 0, 255, 255}} {
		animated.Image = append(animated.Image, image.NewPaletted(image.Rect(0, 0, 40, 40), color.Palette{shade}))
		animated.Delay = append(animated.Delay, 5)
	}
	var encoded bytes.Buffer
	if err := gif.EncodeAll(&encoded, &animated); err != nil {
		t.Fatal(err)
	}
	return encoded.Bytes()
}

// viewed are the pages of these tests.
func viewed(t *testing.T) http.Handler {
	mux := http.NewServeMux()
	html := func(path, body string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, head+body)
		})
	}
	html("/scheme", `<meta name="viewport" content="width=device-width"><style>body{background:#fff}@media(prefers-color-scheme:dark){body{background:#000}}
		@media(prefers-reduced-motion:reduce){#m{background:#0f0}} #m{position:absolute;left:0;top:0;width:20px;height:20px}</style><div id="m"></div>`)
	mux.HandleFunc("/language", func(w http.ResponseWriter, request *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		direction := "ltr"
		if language, _, _ := strings.Cut(request.Header.Get("Accept-Language"), ","); strings.HasPrefix(language, "ar") {
			direction = "rtl"
		}
		fmt.Fprintf(w, `<!doctype html><html dir=%q lang="x"><p id="said"></p><script>said.textContent = navigator.language + " " + (1234.5).toLocaleString()</script>`, direction)
	})
	html("/clock", `<p id="now"></p><script>setInterval(()=>now.textContent=new Date().toISOString()+" "+Date.now()+" "+(new Date(5)).getTime(),7)</script>`)
	mux.HandleFunc("/blink.gif", func(w http.ResponseWriter, _ *http.Request) { w.Write(blinking(t)) })
	html("/moving", `<img src="/blink.gif"><div style="background:url(/blink.gif);width:40px;height:40px"></div>
		<svg width="60" height="20"><rect width="10" height="10"><animate attributeName="x" from="0" to="50" dur="0.3s" repeatCount="indefinite"/></rect></svg>
		<style>@keyframes pulse{from{opacity:.5}to{opacity:1}} #p{animation:pulse .3s infinite alternate;opacity:0}</style><p id="p">pulse</p>`)
	html("/login", `<h1>Log in</h1><main><form onsubmit="event.preventDefault();setTimeout(()=>document.body.innerHTML='<h1>Welcome</h1><p>'+who.value.length+'</p>',200)">
		<label>Individual id <input id="who" required></label> <button name="go">Next</button></form></main>
		<p id="clock">12:00</p><div id="host"></div><textarea>typed</textarea>
		<script>host.attachShadow({mode:"open"}).innerHTML="<p>inside</p>"</script>`)
	html("/circles", `<script>setTimeout(()=>location.href="/circles?"+Math.random(),5)</script>`)
	html("/asks", `<script>confirm("sure?")</script><p>asked</p>`)
	html("/deadly", `<p>x</p><script>let n=0;setInterval(()=>document.title=n++,10);setTimeout(()=>fetch("/kill"),300)</script>`)
	mux.HandleFunc("/kill", func(http.ResponseWriter, *http.Request) { killBrowsers(t) })
	html("/grows-with-it", `<div style="height:calc(100vh + 50px)">tall</div>`)
	return mux
}

// killBrowsers kills the browsers that this test has started.
func killBrowsers(t *testing.T) {
	t.Helper()
	children, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", os.Getpid()))
	if err != nil {
		t.Error(err)
	}
	for _, path := range children {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // a thread that has ended
		}
		for _, child := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(child)
			if err != nil {
				t.Error(err)
			} else if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		}
	}
}

func at(t *testing.T, shot *Shot, x, y int) color.NRGBA {
	t.Helper()
	return decoded(t, shot).NRGBAAt(x, y)
}

func TestPageAsItIsSeen(t *testing.T) {
	b := newBenchOf(t, viewed(t))
	take := func(t *testing.T, path string, request Request) *Shot {
		t.Helper()
		shot, err := b.ask(t.Context(), path, request)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return shot
	}
	t.Run("dark, small, sharp and still", func(t *testing.T) {
		shot := take(t, "/scheme", Request{View: View{Width: 400, Height: 300, Scale: 2, Mobile: true, Scheme: Dark, ReducedMotion: true}})
		if size := decoded(t, shot).Rect.Size(); size != image.Pt(800, 600) {
			t.Errorf("picture is %v", size)
		}
		if got := at(t, shot, 790, 590); got != (color.NRGBA{0, 0, 0, 255}) {
			t.Errorf("background is %v", got)
		}
		if got := at(t, shot, 10, 10); got != (color.NRGBA{0, 255, 0, 255}) {
			t.Errorf("box is %v", got)
		}
		if box := shot.Page.Elements[shot.Page.Find("#m")].Box; box != (page.Box{Width: 20, Height: 20}) {
			t.Errorf("box is at %v, in CSS pixels it should be 20×20", box)
		}
	})
	t.Run("another language, from right to left", func(t *testing.T) {
		shot := take(t, "/language", Request{View: View{Locale: "ar-EG"}})
		said := shot.Page.Elements[shot.Page.Find("#said")]
		if shot.Page.Direction != "rtl" || !strings.HasPrefix(said.Text, "ar-EG") || strings.Contains(said.Text, "1,234.5") {
			t.Errorf("direction %q, page says %q", shot.Page.Direction, said.Text)
		}
	})
	t.Run("a frozen clock", func(t *testing.T) {
		frozen := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		shot := take(t, "/clock", Request{View: View{Frozen: frozen}})
		if said := shot.Page.Elements[shot.Page.Find("#now")].Text; said != fmt.Sprintf("2026-01-02T03:04:05.000Z %d 5", frozen.UnixMilli()) {
			t.Errorf("page says %q", said)
		}
	})
	t.Run("what moves for ever stands at its beginning", func(t *testing.T) {
		shot := take(t, "/moving", Request{})
		picture := shot.Page.Elements[slices.IndexFunc(shot.Page.Elements, func(e page.Element) bool { return e.Tag == "img" })].Box
		if got := at(t, shot, int(picture.X)+5, int(picture.Y)+5); got != (color.NRGBA{255, 0, 0, 255}) {
			t.Errorf("the animated picture shows %v", got)
		}
		if pulse := shot.Page.Find("#p"); shot.Page.Style(pulse, "opacity") != "0.5" {
			t.Errorf("the animation stands at opacity %s", shot.Page.Style(pulse, "opacity"))
		}
	})
	t.Run("a page that grows with its viewport", func(t *testing.T) {
		take(t, "/grows-with-it", Request{})
	})
	t.Run("one element", func(t *testing.T) {
		shot := take(t, "/login", Request{Element: "h1", Masks: []string{"#clock"}})
		box := shot.Page.Elements[slices.IndexFunc(shot.Page.Elements, func(e page.Element) bool { return e.Tag == "h1" })].Box
		if size := decoded(t, shot).Rect.Size(); size.X != ceil(box.Width) || size.Y < int(box.Height) || size.Y > int(box.Height)+2 {
			t.Errorf("picture is %v, the element %v", size, box)
		}
	})
	t.Run("after steps", func(t *testing.T) {
		shot := take(t, "/scheme", Request{Steps: []Step{
			{Goto: "/login"}, {Fill: "#who", Value: "secret-value"}, {Click: "button[name=go]"}, {WaitText: "Welcome"}, {WaitGone: "form"}, {Wait: "h1"},
		}})
		if text := shot.Page.Elements[len(shot.Page.Elements)-1].Text; text != "12" || !strings.HasSuffix(shot.URL, "/login") {
			t.Errorf("page at %s says %q", shot.URL, text)
		}
	})
	t.Run("what a page consists of", func(t *testing.T) {
		consists(t, take(t, "/login", Request{
			Masks: []string{"#clock"}, Steps: []Step{{Fill: "#who", Value: "secret-value"}}}))
	})
	t.Run("a page that asks", func(t *testing.T) {
		if shot := take(t, "/asks", Request{}); len(shot.Notes) != 1 || !strings.Contains(shot.Notes[0], "sure?") {
			t.Errorf("notes %q", shot.Notes)
		}
	})
	t.Run("a step that cannot be taken", func(t *testing.T) {
		_, err := b.ask(t.Context(), "/login", Request{Deadline: 4 * time.Second, Steps: []Step{{Wait: "h1"}, {Click: "#gone"}}})
		var failed *StepError
		if !errors.As(err, &failed) || failed.Number != 2 || !strings.Contains(err.Error(), "click #gone") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a page that leads in circles", func(t *testing.T) {
		_, err := b.ask(t.Context(), "/circles", Request{})
		if !errors.Is(err, ErrUnsettled) && !errors.Is(err, browser.ErrCircles) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a browser that crashes in the middle", func(t *testing.T) {
		_, err := b.ask(t.Context(), "/deadly", Request{})
		if !errors.Is(err, browser.ErrCrashed) || b.browser.Alive() {
			t.Errorf("got %v", err)
		}
	})
}

func consists(t *testing.T, shot *Shot) {
	t.Helper()
	told := shot.Page
	for _, want := range []struct{ path, role, name, text string }{
		{"html", "", "", ""},
		{"body > h1:nth-of-type(1)", "heading", "Log in", "Log in"},
		{"#who", "textbox", "Individual id", ""},
		{`button[name="go"]`, "button", "Next", "Next"},
		{"#clock", "paragraph", "", ""},
		{"#host >>> p:nth-of-type(1)", "paragraph", "", "inside"},
	} {
		index := told.Find(want.path)
		if index < 0 {
			t.Errorf("no element %s", want.path)
			continue
		}
		got := told.Elements[index]
		if want.path != "html" && got.Role != want.role || got.Name != want.name && want.path != "html" || got.Text != want.text || got.Box.Width <= 0 {
			t.Errorf("%s is %+v", want.path, got)
		}
	}
	encoded, err := told.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(encoded, []byte("secret-value")) || bytes.Contains(encoded, []byte("typed")) || bytes.Contains(encoded, []byte("12:00")) {
		t.Errorf("what was typed or masked is told:\n%s", encoded)
	}
	if _, err := page.Decode(bytes.NewReader(encoded)); err != nil {
		t.Error(err)
	}
	if who := told.Elements[told.Find("#who")]; !slices.Contains(who.States, "required") || !told.Elements[told.Find("#clock")].Masked {
		t.Errorf("states %v, clock %+v", who.States, told.Elements[told.Find("#clock")])
	}
}

func TestViewsAndStepsThatMakeNoSense(t *testing.T) {
	for _, view := range []View{{Width: 100}, {Scale: 9}, {Scheme: "sepia"}, {Timezone: "Mars/Olympus"}} {
		if view.Check() == nil {
			t.Errorf("%+v passes", view)
		}
	}
	for _, step := range []Step{{}, {Goto: "/a", Click: "b"}, {Click: "a", Value: "b"}, {Press: "F13"}} {
		if step.Check() == nil {
			t.Errorf("%+v passes", step)
		}
	}
	if text := (Step{Fill: "#pin", Value: "123456"}).String(); text != "fill #pin" {
		t.Errorf("a step tells what is typed: %q", text)
	}
	if name := (View{Width: 390, Height: 844, Mobile: true, Scheme: Dark, Locale: "ar"}).String(); name != "390x844 mobile dark ar" {
		t.Errorf("view is called %q", name)
	}
}
