package browser

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"
)

// shortFolder is a TMPDIR whose path leaves room for sockets.
func shortFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/tmp", "left-") //nolint:usetesting // the name of a test makes its folder too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

func start(t *testing.T, options Options) *Browser {
	t.Helper()
	browser, err := Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := browser.Close(); err != nil {
			t.Error(err)
		}
	})
	return browser
}

func open(t *testing.T, browser *Browser, options TabOptions) *Tab {
	t.Helper()
	tab, err := browser.Open(t.Context(), options)
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

// within bounds what a test does in a tab.
func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// processesOf are the processes that were started with a folder of ours.
func processesOf(t *testing.T, folder string) []int {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, line := range lines {
		command, err := os.ReadFile(line)
		if err != nil || !bytes.Contains(command, []byte(folder)) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(line)))
		if err != nil || pid == os.Getpid() {
			continue
		}
		if !ended(pid) {
			found = append(found, pid)
		}
	}
	return found
}

// groupOf is the process group of the browser that was started with a folder of
// ours; not all of its processes have that in their arguments.
func groupOf(t *testing.T, folder string) *group {
	t.Helper()
	for _, pid := range processesOf(t, folder) {
		if leader, err := syscall.Getpgid(pid); err == nil && leader == pid {
			found := &group{}
			found.id.Store(int64(leader))
			return found
		}
	}
	t.Fatal("no browser runs")
	return nil
}

// running are the processes of a group.
func running(t *testing.T, g *group) []member {
	t.Helper()
	members, err := g.members()
	if err != nil {
		t.Fatal(err)
	}
	return members
}

func TestBrowserLeavesNothingBehind(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	folder := shortFolder(t)
	t.Setenv("TMPDIR", folder)
	browser, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(browser.Version(), "Chrom") || !browser.Alive() {
		t.Errorf("version %q, alive %v", browser.Version(), browser.Alive())
	}
	group := groupOf(t, folder)
	if seen := running(t, group); len(seen) < 2 {
		t.Errorf("only %v run: the test does not see them", seen)
	}
	if used, err := browser.group.memory(); err != nil || used < 10<<20 {
		t.Errorf("it uses %d bytes, %v", used, err)
	}
	if err := browser.Close(); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) > 0 {
		t.Errorf("files left behind: %v %v", left, err)
	}
	if left := running(t, group); len(left) > 0 {
		t.Errorf("processes left behind: %v", left)
	}
}

// TestMain lets this program be the one that is killed.
func TestMain(m *testing.M) {
	if os.Getenv("TOCSIN_TEST_VICTIM") == "" {
		os.Exit(m.Run())
	}
	if _, err := Start(context.Background(), Options{}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	select {}
}

func TestKilledProgramLeavesNoProcessAndItsFilesGoWithTheNextStart(t *testing.T) {
	folder := shortFolder(t)
	victim := exec.Command(os.Args[0])
	victim.Env = append(os.Environ(), "TOCSIN_TEST_VICTIM=1", "TMPDIR="+folder)
	output, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	said, err := bufio.NewReader(output).ReadString('\n')
	if err != nil || said != "ready\n" {
		t.Fatalf("%q %v", said, err)
	}
	group := groupOf(t, folder)
	if seen := running(t, group); len(seen) < 2 {
		t.Errorf("only %v run", seen)
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := victim.Wait(); err == nil {
		t.Fatal("it was not killed")
	}
	// Its other processes end when they notice that the first one is gone.
	for deadline := time.Now().Add(20 * time.Second); ; {
		left := running(t, group)
		if len(left) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("orphans: %v", left)
		}
	}
	removeAbandoned(folder, time.Now())
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("a folder that may be new was touched: %v %v", left, err)
	}
	removeAbandoned(folder, time.Now().Add(2*abandonedAfter))
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestFilesInUseAreNotAbandoned(t *testing.T) {
	folder := shortFolder(t)
	t.Setenv("TMPDIR", folder)
	used, err := newScratch()
	if err != nil {
		t.Fatal(err)
	}
	removeAbandoned(folder, time.Now().Add(time.Hour))
	if _, err := os.Stat(used.folder); err != nil {
		t.Error(err)
	}
	if err := used.remove(); err != nil {
		t.Error(err)
	}
}

func TestMachineWithoutBrowserIsToldHowToInstallOne(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := Start(t.Context(), Options{}); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "apt-get install chromium-headless-shell ") {
		t.Errorf("got %v", err)
	}
	t.Setenv(EnvBrowser, "/nowhere/chromium")
	if _, err := Find(); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "/nowhere/chromium") {
		t.Errorf("got %v", err)
	}
}

func TestBrowserThatDoesNotStartIsEndedInTime(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	folder, silent := shortFolder(t), filepath.Join(shortFolder(t), "silent")
	t.Setenv("TMPDIR", folder)
	if err := os.WriteFile(silent, []byte("#!/bin/sh\n/bin/sleep 600 "+folder+" &\nexec /bin/sleep 600\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Options{Path: silent, StartTimeout: 200 * time.Millisecond})
	if !errors.Is(err, ErrCrashed) || !strings.Contains(err.Error(), "does not start") {
		t.Errorf("got %v", err)
	}
	if running := processesOf(t, folder); len(running) > 0 {
		t.Errorf("left behind: %v", running)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestTabs(t *testing.T) {
	browser := start(t, Options{})
	t.Run("what a page wants from a person is denied", func(t *testing.T) { wantsAPerson(t, browser) })
	t.Run("tabs share nothing", func(t *testing.T) { sharesNothing(t, browser) })
	t.Run("servers that cannot be trusted or reached", func(t *testing.T) { cannotBeTrusted(t, browser) })
}

func wantsAPerson(t *testing.T, browser *Browser) {
	server := newAuthority(t)
	mux := http.NewServeMux()
	html := func(path, body string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<!doctype html>"+body)
		})
	}
	html("/dialog", `<script>alert("first"); if (!confirm("sure?")) document.title = "said no"</script>`)
	html("/window", `<script>window.open("/window2?code=secret")</script>`)
	html("/window2", `x`)
	mux.HandleFunc("/file", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Disposition", `attachment; filename="x.bin"`)
		fmt.Fprint(w, "0123456789")
	})
	mux.HandleFunc("/circle", func(w http.ResponseWriter, request *http.Request) {
		http.Redirect(w, request, "/circle", http.StatusFound)
	})
	mux.HandleFunc("/flood", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		for {
			if _, err := w.Write(bytes.Repeat([]byte("<p>more</p>"), 10000)); err != nil {
				return
			}
		}
	})
	site := server.serve(t, mux, time.Now().Add(time.Hour))
	tabOf := func(t *testing.T) *Tab { return open(t, browser, TabOptions{Roots: server.pool(), MaxBytes: 4 << 20}) }

	t.Run("dialogs are dismissed", func(t *testing.T) {
		tab, ctx := tabOf(t), within(t, 20*time.Second)
		if _, err := tab.Navigate(ctx, site.URL+"/dialog"); err != nil {
			t.Fatal(err)
		}
		bounded, cancel := tab.Within(ctx)
		defer cancel()
		if title, err := chromedp.Run(bounded, chromedp.Title()); err != nil || title != "said no" {
			t.Errorf("title %q, %v", title, err)
		}
		if notes := tab.Notes(); len(notes) != 2 || !strings.Contains(notes[1], "sure?") {
			t.Errorf("notes %q", notes)
		}
	})
	t.Run("downloads are denied", func(t *testing.T) {
		_, err := tabOf(t).Navigate(within(t, 20*time.Second), site.URL+"/file")
		var failed *UnreachableError
		if !errors.As(err, &failed) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("windows are closed", func(t *testing.T) {
		tab, ctx := tabOf(t), within(t, 20*time.Second)
		if _, err := tab.Navigate(ctx, site.URL+"/window"); err != nil {
			t.Fatal(err)
		}
		for len(tab.Notes()) == 0 && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		if notes := tab.Notes(); len(notes) == 0 || !strings.Contains(notes[0], "window with") || strings.Contains(notes[0], "secret") {
			t.Errorf("notes %q", notes)
		}
	})
	t.Run("redirects in circles are called so", func(t *testing.T) {
		_, err := tabOf(t).Navigate(within(t, 20*time.Second), site.URL+"/circle")
		if !errors.Is(err, ErrCircles) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a flood is cut off", func(t *testing.T) {
		tab, ctx := tabOf(t), within(t, 30*time.Second)
		_, err := tab.Navigate(ctx, site.URL+"/flood")
		if !tab.Traffic().TooMuch() || ctx.Err() != nil {
			t.Errorf("not cut off: %v", err)
		}
	})
}

func sharesNothing(t *testing.T, browser *Browser) {
	server := newAuthority(t)
	site := server.serve(t, http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		http.SetCookie(w, &http.Cookie{Name: "seen", Value: "yes"})
		fmt.Fprintf(w, "<title>%v %s</title>", len(request.Cookies()), request.Header.Get("X-Mark"))
	}), time.Now().Add(time.Hour))
	one := open(t, browser, TabOptions{Roots: server.pool(), Mark: func(h http.Header) { h.Set("X-Mark", "one") }})
	two := open(t, browser, TabOptions{Roots: server.pool(), Mark: func(h http.Header) { h.Set("X-Mark", "two") }})
	var titles []string
	for _, tab := range []*Tab{one, one, two} {
		ctx, cancel := tab.Within(within(t, 20*time.Second))
		defer cancel()
		if _, err := tab.Navigate(ctx, site.URL); err != nil {
			t.Fatal(err)
		}
		title, err := chromedp.Run(ctx, chromedp.Title())
		if err != nil {
			t.Fatal(err)
		}
		titles = append(titles, title)
	}
	if want := []string{"0 one", "1 one", "0 two"}; !slices.Equal(titles, want) {
		t.Errorf("saw %q, want %q", titles, want)
	}
	// A tab without these roots does not inherit the trust of the others.
	_, err := open(t, browser, TabOptions{}).Navigate(within(t, 20*time.Second), site.URL)
	var failed *UnreachableError
	if !errors.As(err, &failed) || !failed.Certificate() {
		t.Errorf("got %v", err)
	}
}

func TestCrashesAreCalledSo(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three browsers")
	}
	server := newAuthority(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><p>x</p>`)
	})
	mux.HandleFunc("/hungry", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><script>const kept=[]; for(;;) kept.push(new Uint8Array(8<<20).fill(1))</script>`)
	})
	site := server.serve(t, mux, time.Now().Add(time.Hour))
	t.Run("the browser", func(t *testing.T) {
		browser := start(t, Options{})
		tab := open(t, browser, TabOptions{Roots: server.pool()})
		ctx := within(t, 30*time.Second)
		if _, err := tab.Navigate(ctx, site.URL); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(int(browser.group.id.Load()), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_, err := tab.Navigate(ctx, site.URL)
		if !errors.Is(err, ErrCrashed) || browser.Alive() {
			t.Errorf("got %v", err)
		}
	})
	t.Run("the page", func(t *testing.T) {
		browser := start(t, Options{})
		tab := open(t, browser, TabOptions{Roots: server.pool()})
		ctx, cancel := tab.Within(within(t, 30*time.Second))
		defer cancel()
		if err := chromedp.Do(ctx, chromedp.Navigate(site.URL)); err != nil {
			t.Fatal(err)
		}
		_, err := chromedp.Call(ctx, page.Crash, cdp.Empty{})
		if err = tab.Explain(err); !errors.Is(err, ErrCrashed) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a page that is too hungry", func(t *testing.T) {
		browser := start(t, Options{MaxMemory: 400 << 20})
		tab := open(t, browser, TabOptions{Roots: server.pool()})
		_, err := tab.Navigate(within(t, 60*time.Second), site.URL+"/hungry")
		if !errors.Is(err, ErrMemory) {
			t.Errorf("got %v", err)
		}
	})
}

func cannotBeTrusted(t *testing.T, browser *Browser) {
	known := newAuthority(t)
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "should not be seen") })
	foreign, soon := newAuthority(t), time.Now().Add(time.Hour)
	refused := known.serve(t, page, soon)
	refused.Close()
	for name, c := range map[string]struct {
		url         string
		certificate bool
		says        string
	}{
		"a server that refuses":                        {refused.URL, false, "refused"},
		"a foreign certificate":                        {foreign.serve(t, page, soon).URL, true, "unknown authority"},
		"a foreign one with the right authority added": {foreign.serve(t, page, soon, known.certificate).URL, true, "unknown authority"},
		"an expired certificate":                       {known.serve(t, page, time.Now().Add(-time.Hour)).URL, true, "expired"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, browser, TabOptions{Roots: known.pool()}).Navigate(within(t, 30*time.Second), c.url+"/?code=secret")
			var failed *UnreachableError
			if !errors.As(err, &failed) || failed.Certificate() != c.certificate || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the query is in the error: %v", err)
			}
		})
	}
}
