package capture

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"image"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/internal/browser"
	"tocsin/visual/compare"
)

const head = `<!doctype html><html lang="en"><meta charset="utf-8"><style>body{font:18px sans-serif;margin:40px}</style>`

// seen remembers the headers of the last request of each path.
type seen struct {
	mu      sync.Mutex
	headers map[string]http.Header
}

func (s *seen) note(request *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.headers[request.URL.Path] = request.Header.Clone()
}

func (s *seen) of(path string) http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.headers[path]
}

// later answers after a moment, or when the request is given up.
func later(request *http.Request, after time.Duration) {
	select {
	case <-time.After(after):
	case <-request.Context().Done():
	}
}

func pages(s *seen, font []byte) http.Handler {
	mux := http.NewServeMux()
	html := func(path, policy, body string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, request *http.Request) {
			s.note(request)
			if policy != "" {
				w.Header().Set("Content-Security-Policy", policy)
			}
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, body)
		})
	}
	login := `<h1>Log in</h1><form><label>Individual id <input autofocus name="id"></label> <button>Next</button></form>`
	html("/plain", "", head+login)
	html("/word", "", head+strings.Replace(login, "Log in", "Log on", 1))
	html("/policy", "default-src 'none'; style-src 'self'", `<!doctype html><html lang="en"><title>x</title>`+login)
	html("/animated", "", head+`<style>@keyframes spin{to{transform:rotate(1turn)}} @keyframes in{from{opacity:0}to{opacity:1}}
		#a{width:60px;height:60px;background:#c00;animation:spin 1s linear infinite} #b{animation:in 30s forwards}</style><div id="a"></div><p id="b">Welcome</p>`)
	html("/restless", "", head+`<p id="clock">0</p><p>Log in</p><script>let n=0;setInterval(()=>clock.textContent=++n+"-"+Math.random(),20)</script>`)
	html("/grows", "", head+`<p>First</p><script>for(const ms of [150,300,450])setTimeout(()=>document.body.insertAdjacentHTML("beforeend","<div style='height:500px;background:#9cf'>x</div>"),ms)</script>`)
	html("/font", "", head+`<style>@font-face{font-family:late;src:url(/late.ttf)} p{font:60px late,monospace}</style><p>Individual identity</p>`)
	html("/no-font", "", head+`<style>p{font:60px monospace}</style><p>Individual identity</p>`)
	mux.HandleFunc("/late.ttf", func(w http.ResponseWriter, request *http.Request) {
		later(request, 700*time.Millisecond)
		w.Write(font)
	})
	mux.HandleFunc("/authorize", func(w http.ResponseWriter, request *http.Request) {
		http.Redirect(w, request, "/plain?tx=secret", http.StatusSeeOther)
	})
	mux.HandleFunc("/error", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, head+"<h1>Try again later</h1>")
	})
	html("/bare", "", `<!doctype html><link rel="stylesheet" href="/missing.css"><h1>Log in</h1>`)
	return mux
}

// bench is one browser and one server for all tests of a function.
type bench struct {
	browser *browser.Browser
	server  *httptest.Server
	network browser.TabOptions
	seen    *seen
}

// aFont returns any TrueType font of this machine that is not the monospace.
func aFont(t *testing.T) []byte {
	t.Helper()
	font, err := os.ReadFile("/usr/share/fonts/truetype/dejavu/DejaVuSerif-Bold.ttf")
	if err != nil {
		t.Fatalf("%v: install it with: sudo apt-get install fonts-dejavu-core", err)
	}
	return font
}

func newBench(t *testing.T) *bench {
	t.Helper()
	seen := &seen{headers: map[string]http.Header{}}
	b := newBenchOf(t, pages(seen, aFont(t)))
	b.seen = seen
	return b
}

func newBenchOf(t *testing.T, handler http.Handler) *bench {
	t.Helper()
	b := &bench{server: httptest.NewTLSServer(handler)}
	t.Cleanup(b.server.Close)
	b.network = browser.TabOptions{Roots: x509.NewCertPool(), Mark: func(header http.Header) { header.Set("X-Synthetic-Run", "run-1") }}
	b.network.Roots.AddCert(b.server.Certificate())
	started, err := browser.Start(t.Context(), browser.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b.browser = started
	t.Cleanup(func() {
		if err := started.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// ask takes the picture of a page in a way of its own.
func (b *bench) ask(ctx context.Context, path string, request Request) (*Shot, error) {
	request.URL, request.Network = b.server.URL+path, b.network
	return Take(ctx, b.browser, request)
}

func (b *bench) take(t *testing.T, path string, masks ...string) *Shot {
	t.Helper()
	shot, err := b.ask(t.Context(), path, Request{Masks: masks})
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return shot
}

func decoded(t *testing.T, shot *Shot) *image.NRGBA {
	t.Helper()
	picture, err := compare.DecodePNG(shot.PNG, compare.MaxPixels)
	if err != nil {
		t.Fatal(err)
	}
	return picture
}

func TestPictureOfASettledPage(t *testing.T) {
	b := newBench(t)
	plain := b.take(t, "/plain")

	t.Run("the same page twice is the same to the byte", func(t *testing.T) {
		if again := b.take(t, "/plain"); !bytes.Equal(plain.PNG, again.PNG) {
			t.Error("two captures of one page differ")
		}
		if size := decoded(t, plain).Rect.Size(); size != image.Pt(Width, Height) {
			t.Errorf("picture is %v", size)
		}
	})
	t.Run("one changed word is found where it is", func(t *testing.T) {
		outcome, err := compare.Images(decoded(t, plain), decoded(t, b.take(t, "/word")), compare.Options{})
		if err != nil {
			t.Fatal(err)
		}
		heading := image.Rect(40, 40, 200, 120)
		if len(outcome.Boxes) != 1 || !outcome.Boxes[0].In(heading) || outcome.Changed < 20 {
			t.Errorf("%d pixels changed in %v, want one box within %v", outcome.Changed, outcome.Boxes, heading)
		}
	})
	t.Run("redirects are followed and remembered without their query", func(t *testing.T) {
		shot := b.take(t, "/authorize?client_id=x")
		if !bytes.Equal(shot.PNG, plain.PNG) || shot.URL != b.server.URL+"/plain?tx=secret" {
			t.Errorf("ended at %s", shot.URL)
		}
		want := []string{b.server.URL + "/authorize 303", b.server.URL + "/plain 200"}
		for i, document := range shot.Documents {
			if got := fmt.Sprint(document.URL, " ", document.Status); i >= len(want) || got != want[i] {
				t.Errorf("document %d is %s", i, got)
			}
		}
	})
	t.Run("each request is marked and speaks the fixed language", func(t *testing.T) {
		header := b.seen.of("/plain")
		if header.Get("X-Synthetic-Run") != "run-1" || !strings.HasPrefix(header.Get("Accept-Language"), Locale) {
			t.Errorf("headers %v", header)
		}
	})
	t.Run("a page with a strict content security policy is pictured", func(t *testing.T) {
		b.take(t, "/policy")
	})
	t.Run("animations are finished or stopped", func(t *testing.T) {
		first, second := b.take(t, "/animated"), b.take(t, "/animated")
		if !bytes.Equal(first.PNG, second.PNG) {
			t.Error("an animated page gives two pictures")
		}
	})
	t.Run("a font that arrives late is waited for", func(t *testing.T) {
		with, without := b.take(t, "/font"), b.take(t, "/no-font")
		if bytes.Equal(with.PNG, without.PNG) {
			t.Error("the page was pictured before its font arrived")
		}
	})
	t.Run("a page that grows is pictured whole", func(t *testing.T) {
		if size := decoded(t, b.take(t, "/grows")).Rect.Size(); size.Y < 1500 {
			t.Errorf("picture is %v", size)
		}
	})
	t.Run("a mask covers what may differ", func(t *testing.T) {
		picture, covered := decoded(t, b.take(t, "/restless", "#clock")), 0
		for i := 0; i < len(picture.Pix); i += 4 {
			if [4]byte(picture.Pix[i:]) == [4]byte{255, 0, 255, 255} {
				covered++
			}
		}
		if least := (Width - 80) * 18; covered < least {
			t.Errorf("%d pixels are covered, want at least %d", covered, least)
		}
	})
	t.Run("an error page is pictured with its status", func(t *testing.T) {
		if shot := b.take(t, "/error"); shot.Status != http.StatusServiceUnavailable {
			t.Errorf("status %d", shot.Status)
		}
	})
	t.Run("a part that does not load is named", func(t *testing.T) {
		if shot := b.take(t, "/bare"); len(shot.Broken) != 1 || shot.Broken[0].Status != http.StatusNotFound {
			t.Errorf("broken parts %v", shot.Broken)
		}
	})
}

func TestPageThatCannotBePictured(t *testing.T) {
	b := newBench(t)
	t.Run("a page that never stands still", func(t *testing.T) {
		_, err := b.ask(t.Context(), "/restless", Request{Deadline: 12 * time.Second})
		if !errors.Is(err, ErrUnsettled) || !strings.Contains(err.Error(), "two pictures in a row differ") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a mask that matches nothing", func(t *testing.T) {
		_, err := b.ask(t.Context(), "/plain", Request{Masks: []string{"#gone"}})
		if err == nil || !strings.Contains(err.Error(), "#gone") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a caller that gives up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.ask(ctx, "/plain", Request{}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestMachineWithoutFontListIsToldHowToInstallIt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := FontsHash(t.Context()); err == nil || !strings.Contains(err.Error(), "apt-get install fontconfig") {
		t.Errorf("fonts without fc-list: %v", err)
	}
}
